"""The long run over strange prompts: repeatable, resumable, and it notices what is planted."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from bpo_model.contract import CHECKS
from bpo_model.gate import HARD
from bpo_model.split import Split
from evals.million import __main__ as command
from evals.million import run, steps
from evals.million.inputs import KINDS, Input, make


def test_a_number_always_gives_the_same_input_and_every_kind_comes() -> None:
    assert [make(seed) for seed in range(50)] == [make(seed) for seed in range(50)]
    assert {make(seed).kind for seed in range(400)} == set(KINDS)
    assert len({make(seed).text for seed in range(400)}) > 380


def test_a_run_goes_on_where_it_stopped_and_ends_in_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 20)
    numbers, done = range(100, 150), list[int]()

    def noted(seed: int) -> Input:
        done.append(seed)
        return make(seed)

    monkeypatch.setattr(run, "make", noted)
    for start in (100, 140):
        run._chunk(start, numbers, tmp_path, 20.0, None)
    run._chunk(120, numbers, tmp_path, 20.0, time.monotonic() - 1)  # the time is up
    assert sorted(file.name for file in (tmp_path / "chunks").iterdir()) == ["100-120.json", "140-150.json"]
    assert sorted(done) == [*range(100, 120), *range(140, 150)]
    run._chunk(120, numbers, tmp_path, 20.0, None)
    report = run.summarize(run._read(tmp_path), 20.0)
    whole = run.condense([run.examine_one(seed, 20.0) for seed in numbers])
    assert {name: report[name] for name in ("inputs", "characters", "kinds", "go_on")} == {
        name: whole[name] for name in ("inputs", "characters", "kinds", "go_on")
    }


def test_two_processes_examine_everything_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--n", "40", "--out", str(tmp_path), "--jobs", "2", "--limit", "20"]
    code = command.main(arguments)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["inputs"] == 40
    assert code == (1 if report["problems"] else 0)
    assert set(report["slowest"]) == set(report["seconds"]) == {"split", "gate", "verify", "explain"}
    assert "40 inputs" in capsys.readouterr().out
    before = (tmp_path / "chunks" / "0-40.json").stat().st_mtime_ns
    assert command.main(arguments) == code
    assert (tmp_path / "chunks" / "0-40.json").stat().st_mtime_ns == before


def test_an_input_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--show", "7"]) == 0
    assert "Input(seed=7" in capsys.readouterr().out


def crash(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("planted")


def spin(*_: Any, **__: Any) -> Any:
    while True:
        pass


def lossy(text: str) -> Any:
    return Split("", text[:-1], "")


@pytest.mark.parametrize(
    ("name", "defect", "says"),
    [
        ("split", crash, "split: ZeroDivisionError: planted"),
        ("split", lossy, "split: the parts are not the prompt"),
        ("should_rewrite", crash, "gate: ZeroDivisionError: planted"),
        ("should_rewrite", lambda *_, **__: "odd", "gate: unknown reason odd"),
        ("must_leave_alone", lambda *_: HARD[0], "gate: the hard rules disagree"),
        ("verify", crash, "verify: ZeroDivisionError: planted"),
        ("verify", lambda *_, **__: ("x",), "verify: not a rewrite of itself"),
        ("verify_prompt", lambda *_: ("x",), "verify: the prompt is not a rewrite of itself"),
        ("verify_prompt", spin, "verify: SlowError: more than 0.2 s"),
        ("diff", lambda *_: (), "explain: the edits do not lead to the rewrite"),
    ],
)
def test_a_planted_defect_is_noticed(name: str, defect: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Input(0, "", "tell me about tea", "Tell me about tea, please.")
    assert steps.examine(given, 20.0).problems == []
    monkeypatch.setattr(steps, name, defect)
    assert says in steps.examine(given, 0.2).problems


def test_a_check_that_fires_on_equal_texts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKS, "links_kept", lambda *_: "lost x")
    given = Input(0, "", "tell me about the history of tea", "")
    assert steps.examine(given, 20.0).problems == ["verify: links_kept finds 'lost x' in equal texts"]
