"""Files of prompts in `bpo ui`, over real HTTP: progress, cancelling, download."""

import json
import tempfile
from pathlib import Path

import pytest

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.config import Options
from tests.bpo_model.ui_server import Page, Patient, page, patient, serving, url

from bpo_model.ui.app import Ui  # isort: skip  # the helper skips where the extra is missing

__all__ = ["page", "patient", "url"]  # fixtures

FILES = {
    "a.txt": "tell me about tea\r\n\r\nhello\nwrite a poem",
    "a.csv": 'id,Prompt\n1,tell me about tea\n2,""\n3,"hello"\n4,"write a\npoem"\n',
    "a.jsonl": """"tell me about tea"\n
{"prompt": "hello", "id": 7}
{"messages": [{"role": "user", "content": "write a poem"}]}""",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_rewritten_and_downloaded(page: Page, name: str) -> None:
    started = page.post("batch", name=name, text=FILES[name]).json()
    assert (started["total"], started["state"]) == (3, "running")
    batch = page.wait_for_batch()
    assert (batch["state"], batch["done"], batch["changed"], batch["failed"]) == ("done", 3, 2, 0)
    assert [row["state"] for row in batch["rows"]] == ["changed", "unchanged", "changed"]
    reply = page.client.get(f"/api/batch/{batch['id']}/records.jsonl")
    assert "attachment" in reply.headers["content-disposition"]
    records = [json.loads(line) for line in reply.text.splitlines()]
    assert [record["reason"] for record in records] == ["rewritten", "small_talk", "rewritten"]
    assert page.client.get("/api/batch/other/records.jsonl").status_code == 404


def test_a_line_that_is_no_prompt_fails_alone(page: Page) -> None:
    page.post("batch", name="a.jsonl", text='"tell me about tea"\n{"no": 1}\n')
    batch = page.wait_for_batch()
    assert (batch["state"], batch["changed"], batch["failed"], batch["done"]) == ("done", 1, 1, 2)
    assert "expected a JSON string" in batch["rows"][1]["why"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("a.pdf", "x", "none of txt, jsonl, csv"), ("a.txt", " \n", "no prompt"), ("a.csv", "a,b\n1,2\n", "named prompt"),
     ("a.csv", 'prompt\n"x', "not CSV"), ("a.csv", "", "named prompt")],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_so(page: Page, name: str, text: str, said: str) -> None:
    reply = page.post("batch", name=name, text=text)
    assert (reply.status_code, said in reply.json()["error"]) == (400, True), reply.text


def test_cancelling_a_file_stops_the_model_and_leaves_nothing_on_the_disk(
    patient: tuple[Page, Patient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, engine = patient
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    page.post("batch", name="a.txt", text="tell me about tea\n" * 20)
    assert engine.started.wait(5)
    assert list(tmp_path.glob("bpo-ui-*/in.jsonl"))
    assert page.post("batch", name="b.txt", text="x").status_code == 400  # one at a time
    batch = page.post("batch/cancel").json()
    assert engine.stopped.wait(5)
    assert batch["state"] == "cancelled"
    assert list(tmp_path.iterdir()) == []
    assert page.client.get(f"/api/batch/{batch['id']}/records.jsonl").status_code == 404


def test_the_server_ends_in_the_middle_of_a_file() -> None:
    engine = Patient()
    with serving(Ui(PromptOptimizer(engine, load_checkpoint(), Options(rewrite="always")))) as url:
        page = Page(url)
        page.post("batch", name="a.txt", text="tell me about tea\n" * 20)
        assert engine.started.wait(5)
        page.client.close()
    assert engine.stopped.wait(5)  # and `serving` asserts that its thread has ended
