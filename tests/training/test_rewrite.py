"""Bulk rewriting on Ray, with the embedded optimizer."""

import json
from pathlib import Path

import pytest

from bpo_model import BPOError
from training.rewrite import main, rewrite

PROMPTS = ["tell me about tea", "how do i fix a flat tire", "ideas for a garden party", "why is the sky blue", "hi"]


def written(folder: Path, prompts: list[str]) -> Path:
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts) + "not json\n", encoding="utf-8")
    return file


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_chunks_come_back_in_order_and_a_bad_line_costs_one_record(tmp_path: Path) -> None:
    file, out = written(tmp_path, PROMPTS), tmp_path / "out.jsonl"
    assert main([str(file), "--out", str(out), "--workers", "2", "--chunk", "2"]) == 3
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [record.get("original") for record in records] == [*PROMPTS, None]
    assert [record["line"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert any(record["changed"] for record in records[:4])
    assert "error" in records[5]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == ["out.jsonl"]


def test_finished_chunks_are_not_done_again(tmp_path: Path) -> None:
    file, folder = written(tmp_path, PROMPTS[:1]), tmp_path / "out.jsonl.chunks"
    folder.mkdir()
    lines = file.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        (folder / f"{number:06d}.jsonl").write_bytes(line)
        (folder / f"{number:06d}.out").write_text(json.dumps({"line": 1, "text": f"t{number}", "changed": True}) + "\n")
    counts = rewrite(file, tmp_path / "out.jsonl", chunk=1)  # no worker is started: nothing is left
    assert counts == {"done": 2, "changed": 2, "failed": 0}
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(record["line"], record["text"]) for record in records] == [(1, "t0"), (2, "t1")]


def test_nothing_is_overwritten_or_mixed(tmp_path: Path) -> None:
    file, out = written(tmp_path, PROMPTS), tmp_path / "out.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(BPOError, match="exists already"):
        rewrite(file, out)
    folder = tmp_path / "other.jsonl.chunks"
    folder.mkdir()
    (folder / "000000.jsonl").write_text('"another"\n', encoding="utf-8")
    with pytest.raises(BPOError, match="chunks of another input"):
        rewrite(file, tmp_path / "other.jsonl")
    with pytest.raises(BPOError, match="does not exist"):
        rewrite(tmp_path / "gone.jsonl", tmp_path / "new.jsonl")
