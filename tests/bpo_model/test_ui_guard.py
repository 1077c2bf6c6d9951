"""What the server of `bpo ui` refuses, over real HTTP."""

import re

import httpx
import pytest

from bpo_model.testing import FakeOptimizer
from tests.bpo_model.ui_server import Page, page, serving, url

from bpo_model.ui.app import STATIC, Ui  # isort: skip  # the helper skips where the extra is missing
from bpo_model.ui.guard import HEADERS, MAX_BODY  # isort: skip

__all__ = ["page", "url"]  # fixtures


def test_the_page_and_all_its_parts_are_served_and_nothing_else(page: Page) -> None:
    html = page.client.get("/")
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    parts = re.findall(r'(?:src|href)="(/[^"]+)"', html.text)
    assert len(parts) == 3
    for file in STATIC.iterdir():
        assert page.client.get(f"/static/{file.name}").content == file.read_bytes()
    assert page.client.get("/static/app.js").headers["content-type"].startswith("text/javascript")
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/api", "/docs", "/static/app.py"):
        assert page.client.get(path).status_code == 404


def test_no_part_of_the_page_names_another_host_or_holds_a_script_or_style_inline() -> None:
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|localStorage|cookie", text), file.name
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", html)


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/about", "/nowhere"])
def test_every_reply_is_locked_down_and_sets_no_cookie(page: Page, path: str) -> None:
    headers = page.client.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert not {"set-cookie", "server", "access-control-allow-origin"} & set(headers)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}",
     "10.0.0.7:{port}", "user@localhost:{port}", "", "[::1:{port}", "localhost:{port}/x", "127.0.0.1:{port}0000"],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(page: Page, host: str) -> None:
    named = host.format(port=page.url.rpartition(":")[2])
    reply = page.client.get("/api/about", headers={"host": named})
    assert reply.status_code in {400, 421}  # an empty or broken header is refused by the HTTP parser
    assert "bpo" not in reply.text


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "127.0.0.2:{port}"])
def test_every_name_of_this_machine_itself_is_ours(page: Page, host: str) -> None:
    named = host.format(port=page.url.rpartition(":")[2])
    assert page.client.get("/api/about", headers={"host": named}).status_code == 200


def test_on_all_interfaces_addresses_are_ours_and_names_are_not() -> None:
    with serving(Ui(FakeOptimizer()), "0.0.0.0") as url:
        port = url.rstrip("/").rpartition(":")[2]
        for host, status in (("192.168.1.5", 200), ("localhost", 200), ("evil.example", 421)):
            assert httpx.get(f"{url}api/about", headers={"host": f"{host}:{port}"}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": ""}, 415),
    ],
    ids=str,
)
def test_what_another_site_could_send_is_refused(page: Page, headers: dict[str, str], status: int) -> None:
    given = {"content-type": "application/json", **headers}
    reply = page.client.post("/api/rewrite", content=b'{"prompt": "tell me about tea"}', headers=given)
    assert reply.status_code == status
    assert "tea" not in reply.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(page: Page) -> None:
    json_type = {"content-type": "application/json"}
    reply = page.client.post("/api/rewrite", content=b" " * (MAX_BODY + 1), headers=json_type)
    assert reply.status_code == 413


def test_a_body_of_unknown_length_and_other_methods_are_refused(page: Page) -> None:
    json_type = {"content-type": "application/json"}
    assert page.client.post("/api/rewrite", content=iter([b"{}"]), headers=json_type).status_code == 411
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert page.client.request(method, "/api/rewrite").status_code == 405
    assert page.client.get("/api/rewrite").status_code == 405
