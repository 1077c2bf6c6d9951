"""Files and answers in `bpo ui`, in real headless Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.config import Options
from bpo_model.testing import FakeOptimizer
from tests.bpo_model.ui_browser import Visits, browser, rewrite, visits
from tests.bpo_model.ui_server import Patient, serving

from bpo_model.ui.answers import Llm  # isort: skip  # the helper skips where the extra is missing
from bpo_model.ui.app import Ui  # isort: skip

__all__ = ["browser", "visits"]  # fixtures
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Ui(FakeOptimizer(options=Options()), llm=Llm("http://127.0.0.1:9/v1", "no-such-model"))) as address:
        yield address


def test_answers_stand_side_by_side_and_a_failure_is_text(visits: Visits, url: str) -> None:
    page = visits.open(url)
    rewrite(page, "tell me about tea")
    expect(page.locator("#answers-where")).to_contain_text("to no-such-model at 127.0.0.1:9.")
    page.get_by_role("button", name="Ask with both").click()
    for side in ("#answer-left", "#answer-right"):
        expect(page.locator(side)).to_contain_text("127.0.0.1:9 could not be reached")
        expect(page.locator(side)).to_have_attribute("aria-busy", "false")
    left, right = page.locator("#answer-left").bounding_box(), page.locator("#answer-right").bounding_box()
    assert left
    assert right
    assert left["x"] < right["x"]


def test_a_file_is_uploaded_watched_and_downloaded(visits: Visits, tmp_path: Path, url: str) -> None:
    page = visits.open(url)
    page.get_by_role("button", name="A file").click()
    prompts = f"tell me about tea\nhello\n{NASTY}\n".encode()
    page.get_by_label("Choose a file").set_input_files({"name": "my.txt", "mimeType": "text/plain", "buffer": prompts})
    expect(page.get_by_role("heading", name="Done: my.txt")).to_be_visible()
    expect(page.locator("#batch-count")).to_contain_text("left as they were, 0 failed")
    expect(page.locator("#batch-rows li").nth(1)).to_contain_text("unchanged: It asks for nothing.")
    expect(page.locator("#batch-rows li").nth(2)).to_contain_text(NASTY)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download JSONL").click()
    started.value.save_as(tmp_path / "records.jsonl")
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["original"] for record in records] == prompts.decode().splitlines()
    page.get_by_label("Choose a file").set_input_files(
        {"name": "x.txt", "mimeType": "text/plain", "buffer": b"\xff\xfe"}
    )
    expect(page.get_by_role("alert")).to_have_text("x.txt is not text in UTF-8.")


def test_a_file_can_be_cancelled(visits: Visits) -> None:
    engine = Patient()
    with serving(Ui(PromptOptimizer(engine, load_checkpoint(), Options(rewrite="always")))) as address:
        page = visits.open(address)
        page.get_by_role("button", name="A file").click()
        page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"tell me\n" * 9})
        expect(page.locator("#batch-count")).to_have_text("0 of 9")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Cancelled: a.txt")).to_be_visible()
        assert engine.stopped.wait(5)
