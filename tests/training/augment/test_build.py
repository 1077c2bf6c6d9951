"""The whole build with the embedded optimizer: paired, paid once, whole or not at all."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpo_model.contract import verify as keeps
from tests.training.augment.conftest import ROWS, AnswerServer
from tests.training.data.teacher_server import Canned, saying
from training.augment.__main__ import main
from training.augment.build import estimate, rewrite_all
from training.augment.settings import load_settings
from training.data.verify import verify

ROOT = Path(__file__).parents[3]
Settings = Callable[..., Path]


def run(command: str, settings: Path, *more: str) -> int:
    return main([command, str(settings), *more, "--out", str(settings.parent / "out")])


def arms(settings: Path, *names: str) -> list[dict[str, dict[str, Any]]]:
    """Rows of files of the result, by id."""
    folder = settings.parent / "out" / "data"
    texts = [(folder / f"{name}.jsonl").read_text(encoding="utf-8") for name in names]
    return [{row["id"]: row for row in map(json.loads, text.splitlines())} for text in texts]


def manifest(settings: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((settings.parent / "out" / "data" / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_answers_to_optimized_prompts_stand_under_the_original_ones(settings: Settings, llm: AnswerServer) -> None:
    file = settings()
    assert run("build", file) == 0
    original, reconstructed, control = arms(file, "original", "reconstructed", "control")
    assert list(original) == list(reconstructed) == list(control) == ["a", "b", "c", "d"]
    for row in ROWS:
        one = reconstructed[row["id"]]
        assert original[row["id"]]["response"] == row["output"]
        assert one["prompt"] == original[row["id"]]["prompt"] == control[row["id"]]["prompt"] == row["instruction"]
        assert one["response"] == f"About {one['optimized_prompt']!r}"
        assert control[row["id"]]["response"] == f"About {row['instruction']!r}"
        assert not keeps(row["instruction"], one["optimized_prompt"])
    assert [one["rewrite"] for one in reconstructed.values()] == ["rewritten", "rewritten", "unchanged", "math_problem"]
    assert all((one["optimized_prompt"] == one["prompt"]) == (one["id"] in "cd") for one in reconstructed.values())
    assert llm.requests == 6  # two prompts were not rewritten, and are one request each


def test_the_manifest_vouches_and_names_what_was_used(settings: Settings, llm: AnswerServer) -> None:
    file = settings([*ROWS, {"id": "e", "prompt": "", "response": "x"}])
    run("build", file)
    found = manifest(file)
    assert verify(file.parent / "out" / "data") == []
    assert found["counts"]["rows"] == 4
    assert found["counts"]["rewrites"] == {"rewritten": 2, "unchanged": 1, "math_problem": 1}
    assert found["counts"]["rejects"] == {"empty_prompt": 1}
    assert found["counts"]["answered_by"] == {"m-served": 6}
    assert (found["config"]["llm"]["model"], found["config"]["licence"]) == ("m", "MIT")
    assert len(found["config"]["optimizer_sha256"]) == 64
    assert set(found["inputs"]) == {"rows.jsonl"}
    assert found["tokens"] == {"prompt": 600, "completion": 240}
    assert found["cost_usd"] == pytest.approx(6 * 180e-6)
    assert llm.url not in json.dumps(found)
    card = (file.parent / "out" / "data" / "DATA_CARD.md").read_text(encoding="utf-8")
    assert "MIT" in card
    assert "m-served" in card


@pytest.mark.parametrize(("served", "named"), [("/models/a.gguf", "a.gguf"), ("org/a", "org/a"), ("", "m")])
def test_the_path_of_a_servers_model_stays_private(
    served: str, named: str, settings: Settings, llm: AnswerServer
) -> None:
    llm.every = Canned(200, {**saying("Yes."), "model": served})
    file = settings()
    run("build", file)
    assert manifest(file)["counts"]["answered_by"] == {named: 6}


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(settings: Settings, llm: AnswerServer) -> None:
    llm.numbered = True  # another answer to the same request would show
    file = settings()
    folder = file.parent / "out"
    run("build", file)
    first = {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    rewrites = (folder / "rewrites.jsonl").read_bytes()
    assert run("build", file) == 0
    assert {path.name: path.read_bytes() for path in (folder / "data").iterdir()} == first
    assert (folder / "rewrites.jsonl").read_bytes() == rewrites
    assert llm.requests == 6


def test_more_rows_repeat_neither_rewrites_nor_answers(settings: Settings, llm: AnswerServer) -> None:
    run("build", settings(ROWS[:2]))
    file = settings()
    before = (file.parent / "out" / "rewrites.jsonl").read_bytes()
    run("build", file)
    assert (file.parent / "out" / "rewrites.jsonl").read_bytes().startswith(before)
    assert (llm.requests, manifest(file)["counts"]["rows"]) == (6, 4)


def test_without_control_only_the_optimized_prompts_are_asked(settings: Settings, llm: AnswerServer) -> None:
    file = settings(top="control = false")
    run("build", file)
    assert sorted(path.stem for path in (file.parent / "out" / "data").glob("*.jsonl")) == [
        "original", "reconstructed", "rejects",
    ]  # fmt: skip
    assert llm.requests == 4


def test_nothing_is_written_while_an_answer_is_missing(settings: Settings, llm: AnswerServer) -> None:
    file = settings()
    llm.canned = {ROWS[2]["instruction"]: Canned(503, {})}
    assert run("build", file) == 2
    assert not (file.parent / "out" / "data").exists()
    llm.canned = {}
    assert run("build", file) == 0
    assert llm.requests == 7


@pytest.mark.parametrize(
    ("canned", "reason"),
    [
        (Canned(400, {"error": {"message": "too long"}}), "answer:http_400"),
        (Canned(200, saying("Ow", finish_reason="length")), "answer:cut"),
    ],
)
def test_a_row_without_one_answer_is_in_no_file(
    canned: Canned, reason: str, settings: Settings, llm: AnswerServer
) -> None:
    file = settings()
    llm.canned = {ROWS[0]["instruction"]: canned}  # the control's; the optimized prompt is answered
    assert run("build", file) == 0
    assert [list(rows) for rows in arms(file, "original", "reconstructed", "control")] == [["b", "c", "d"]] * 3
    assert manifest(file)["counts"]["rejects"] == {reason: 1}


def test_no_row_left_is_an_error(settings: Settings, llm: AnswerServer, capsys: pytest.CaptureFixture[str]) -> None:
    llm.every = Canned(400, {"error": {"message": "no such parameter"}})
    assert run("build", settings()) == 1
    assert "no row is left to train on; left out: {'answer:http_400': 4}" in capsys.readouterr().err


def test_the_plan_is_an_upper_bound_that_asks_nobody(settings: Settings, llm: AnswerServer) -> None:
    file = settings()
    config, out = load_settings(file), file.parent / "out"
    _, before = estimate(config, out)
    rewrite_all(config, out, progress=False)
    _, after = estimate(config, out)
    assert (before.rows, after.rows, after.answered, llm.requests) == (8, 6, 0, 0)
    assert after.usd == pytest.approx((after.prompt_tokens * 1.0 + 6 * 300 * 2.0) / 1e6)
    run("build", file)
    assert estimate(config, out)[1].answered == 6


def test_a_batch_takes_the_place_of_single_requests(settings: Settings, llm: AnswerServer, tmp_path: Path) -> None:
    file, batch, output = settings(), tmp_path / "batch.jsonl", tmp_path / "output.jsonl"
    assert run("export-batch", file, str(batch)) == 1  # no prompt has a rewrite yet
    run("rewrite", file)
    assert run("export-batch", file, str(batch)) == 0
    lines = [json.loads(line) for line in batch.read_text(encoding="utf-8").splitlines()]
    answered = [
        {"id": "b", "custom_id": line["custom_id"], "error": None,
         "response": {"status_code": 200, "body": saying(line["body"]["messages"][0]["content"].upper())}}
        for line in lines
    ]  # fmt: skip
    output.write_text("".join(json.dumps(line) + "\n" for line in answered), encoding="utf-8")
    assert run("import-batch", file, str(output)) == 0
    assert run("build", file) == 0
    assert llm.requests == 0
    (control,) = arms(file, "control")
    assert control["c"]["response"] == "NAME THE LARGEST BIRD."
    assert manifest(file)["cost_usd"] == pytest.approx(6 * 180e-6 / 2)


def test_a_killed_build_goes_on_and_pays_for_nothing_twice(settings: Settings, llm: AnswerServer) -> None:
    rows = [{"id": f"n{number}", "prompt": f"What is {number} * 23?", "response": "No idea."} for number in range(40)]
    file, llm.delay_s = settings(rows, more="concurrency = 2"), 0.1
    run("rewrite", file)
    command = [sys.executable, "-m", "training.augment", "build", str(file), "--out", str(file.parent / "out")]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while llm.requests < 10 and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert 10 <= llm.requests < 40
    assert not (file.parent / "out" / "data").exists()
    llm.delay_s = 0.0
    assert run("build", file) == 0
    assert llm.requests <= 40 + 2  # what was on its way
    assert manifest(file)["counts"]["rows"] == 40


def test_a_build_that_breaks_while_it_writes_leaves_nothing_that_vouches(settings: Settings) -> None:
    file = settings()
    folder = file.parent / "out" / "data"
    run("build", file)
    (folder / "rejects.jsonl").unlink()
    (folder / "rejects.jsonl").mkdir()  # cannot be replaced by a file
    assert run("build", settings(ROWS[:3])) == 1
    assert verify(folder) == ["manifest.json: missing, so the run that makes it has not finished"]
