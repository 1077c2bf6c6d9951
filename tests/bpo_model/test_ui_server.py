"""What the server of `bpo ui` does for its page, over real HTTP."""

import json
from pathlib import Path

import httpx
import pytest

from bpo_model.feedback import read
from bpo_model.testing import FakeOptimizer
from tests.bpo_model.ui_server import Page, Patient, page, patient, serving, url

from bpo_model.ui.app import Ui  # isort: skip  # the helper skips where the extra is missing

__all__ = ["page", "patient", "url"]  # fixtures


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b'{"prompt": 7}', b"\xff", b'{"again": "rm"}'])
def test_a_body_that_makes_no_sense_is_a_sentence_and_no_crash(page: Page, body: bytes) -> None:
    reply = page.client.post("/api/rewrite", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["error"]


def test_a_rewrite_comes_with_its_diff_checks_and_strategies(page: Page) -> None:
    found = page.post("rewrite", prompt="tell me about tea").json()
    assert (found["changed"], found["reason"]) == (True, "rewritten")
    assert "".join(text for kind, text in found["segments"] if kind != "removed") == found["text"]
    assert found["segments"][-1] == ["added", " Please explain your answer."]
    assert found["strategies"][0]["sentence"] == "Asks for reasons or an explanation"
    assert len(found["passed"]) > 25
    assert found["again"] == ""


def test_what_the_gate_leaves_alone_says_why_and_can_be_insisted_on(page: Page) -> None:
    found = page.post("rewrite", prompt="what is 17 * 3?").json()
    assert (found["changed"], found["why"], found["again"]) == (
        False, "It is a calculation, where rewriting is known to hurt.", "always",
    )  # fmt: skip
    assert found["passed"] == found["rejected"] == []
    assert page.post("rewrite", prompt="what is 17 * 3?", again="always").json()["changed"]


def test_half_characters_and_html_come_back_as_they_were(page: Page) -> None:
    for prompt in ("tell me \ud83d about", "<img src=x onerror=alert(1)>", "</script>", ""):
        reply = page.client.post(
            "/api/rewrite", content=json.dumps({"prompt": prompt}), headers={"content-type": "application/json"}
        )
        assert reply.json()["original"] == prompt
        assert reply.headers["content-type"] == "application/json"


def test_a_page_that_hangs_up_stops_the_model(patient: tuple[Page, Patient]) -> None:
    page, engine = patient
    with pytest.raises(httpx.ReadTimeout):
        page.client.post("/api/rewrite", json={"prompt": "tell me about tea"}, timeout=0.5)
    assert engine.started.is_set()
    assert engine.stopped.wait(5)


def test_verdicts_are_stored_only_if_asked_for(page: Page, tmp_path: Path) -> None:
    key = page.post("rewrite", prompt="tell me about tea").json()["id"]
    reply = page.post("verdict", id=key, verdict="accepted").json()
    assert (reply["stored"], reply["kept"]) == ("", "tell me about tea Please explain your answer.")
    file = tmp_path / "feedback.jsonl"
    with serving(Ui(FakeOptimizer(), file)) as url:
        own = Page(url)
        key = own.post("rewrite", prompt="tell me about tea").json()["id"]
        assert own.post("verdict", id=key, verdict="accepted").json()["stored"] == "stored"
        edit = own.post("verdict", id=key, verdict="edited", edited="Explain tea.").json()
        assert edit["segments"][0] == ["removed", "tell me about"]
        secret = "password: " + "hunter2!hunter2"
        assert own.post("verdict", id=key, verdict="edited", edited=secret).json()["stored"] == "secret"
        for wrong in ({"verdict": "liked"}, {"verdict": "edited", "edited": " "}, {"verdict": "accepted", "id": "x"}):
            assert own.post("verdict", **{"id": key, **wrong}).status_code == 400
        own.client.close()
    rows, left_out = read(file)
    assert [(row.verdict, row.kept) for row in rows] == [("accepted", reply["kept"]), ("edited", "Explain tea.")]
    assert not left_out


def test_a_disk_that_fails_does_not_take_the_decision_back(tmp_path: Path) -> None:
    with serving(Ui(FakeOptimizer(), tmp_path)) as url:
        page = Page(url)
        key = page.post("rewrite", prompt="tell me about tea").json()["id"]
        reply = page.post("verdict", id=key, verdict="accepted").json()
        page.client.close()
    assert reply["kept"].startswith("tell me about tea Please")
    assert "Is a directory" in reply["stored"]
