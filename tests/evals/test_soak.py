"""The soak notices what it is there to notice: broken promises, hangs and growth, and nothing else."""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpo_model import OptimizedPrompt, PromptOptimizer, Reason
from bpo_model.schema import Edit, Prompt
from bpo_model.testing import FakeOptimizer
from evals.soak import __main__ as command
from evals.soak import gauges, run
from evals.soak.gauges import Sample
from evals.soak.load import ACTIONS, Event, World
from evals.soak.promises import LATE_S, broken, sent_text

TEA = "tell me about tea"
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the soak reads /proc")


def samples(memory: Callable[[float], float], count: int = 300, threads: Callable[[float], int] = lambda _: 30) -> Any:
    """An hour of samples; `memory` and `threads` of the hours since the start, the memory with some noise."""
    noise, at = random.Random(0), [i / count for i in range(count)]
    return [Sample(3600 * t, memory(t) + noise.gauss(0, 2), threads(t), 12) for t in at]


@pytest.mark.parametrize(
    "memory",
    [
        lambda t: 400.0,
        lambda t: 400.0 + 90 * min(t, 0.3),  # caches that fill
        lambda t: 400.0 + 2 * t,
        lambda t: 400.0 + 6 * (t > 0.7),  # an allocator that takes one more piece
        lambda t: 500.0 - 60 * t,
        lambda t: 400.0 + 60 * (0.45 < t < 0.6),  # a large batch in the middle
    ],
)
def test_memory_that_is_constant_after_the_warm_up_is_no_leak(memory: Callable[[float], float]) -> None:
    assert gauges.summarize(samples(memory))["leaks"] == []


@pytest.mark.parametrize("memory", [lambda t: 400.0 + 30 * t, lambda t: 400.0 + 200 * t, lambda t: 300.0 * 1.5**t])
def test_memory_that_grows_is_a_leak_with_an_interval_above_zero(memory: Callable[[float], float]) -> None:
    found = gauges.summarize(samples(memory))
    assert found["leaks"] == ["memory"]
    assert found["slope_mib_per_hour"]["low"] > 20
    assert (
        found["slope_mib_per_hour"]["low"] < found["slope_mib_per_hour"]["value"] < found["slope_mib_per_hour"]["high"]
    )


def test_the_interval_holds_the_true_slope_nearly_always() -> None:
    hits = 0
    for seed in range(200):
        rng, drift, points = random.Random(seed), 0.0, []
        for i in range(300):
            drift = 0.7 * drift + rng.gauss(0, 1)  # neighbours are alike, as in a real process
            points.append((i / 300, 400 + 5 * i / 300 + drift))
        found = gauges.slope(points)
        hits += found["low"] <= 5 <= found["high"]  # type: ignore[operator]
    assert 0.88 <= hits / 200 <= 0.99


def test_threads_that_grow_are_a_leak() -> None:
    assert gauges.summarize(samples(lambda _: 400.0, threads=lambda t: 30 + int(40 * t)))["leaks"] == ["threads"]


def test_too_few_samples_have_no_slope_and_no_leak() -> None:
    found = gauges.summarize(samples(lambda t: 400.0 + 300 * t, count=12))
    assert found["slope_mib_per_hour"]["value"] is None
    assert found["leaks"] == []


@needs_proc
def test_a_look_sees_this_process() -> None:
    """In a process of its own: what other tests left behind may go at any time."""
    grown = """
from evals.soak import gauges
before = gauges.look(0.0)
kept, files = bytearray(b"x" * (64 << 20)), [open("/dev/null") for _ in range(5)]
after = gauges.look(0.0)
assert after.rss_mib - before.rss_mib > 32, (before, after)
assert (after.files - before.files, after.threads) == (5, before.threads), (before, after)
"""
    subprocess.run([sys.executable, "-c", grown], check=True, cwd=Path(__file__).parents[2])


GOOD = FakeOptimizer().optimize(TEA)
LEFT = FakeOptimizer().optimize(TEA, rewrite="never")
LATE = replace(LEFT, reason=Reason.DEADLINE, latency_ms=1000 * LATE_S + 11)


@pytest.mark.parametrize(
    ("result", "deadline", "says"),
    [
        (replace(GOOD, reason=Reason.UNCHANGED), None, "changed is True with reason unchanged"),
        (replace(LEFT, reason=Reason.REWRITTEN), None, "changed is False with reason rewritten"),
        (replace(LEFT, prompt=f"{TEA} "), None, "another object"),
        (replace(LEFT, text="tea"), None, "not the original"),
        (replace(LEFT, edits=(Edit("a", "b", (0, 1), (0, 1)),)), None, "with edits"),
        (LATE, 10.0, "with a deadline of 10 ms"),
        (replace(LEFT, reason=Reason.DEADLINE), None, "nobody set"),
        (replace(GOOD, text="Give me 7 facts.", prompt="Give me 7 facts."), None, "fails"),
        (replace(GOOD, text=TEA, prompt=TEA), None, "changes nothing"),
        (replace(GOOD, prompt="tell me"), None, "does not hold the text"),
        (replace(GOOD, original="tell me about"), None, "not the prompt's"),
    ],
)
def test_a_broken_promise_is_named(result: OptimizedPrompt, deadline: float | None, says: str) -> None:
    assert says in " ".join(broken(TEA, result, deadline))


def test_a_kept_promise_is_none() -> None:
    chat: Prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEA}]
    assert broken(TEA, GOOD) == broken(TEA, LEFT, 5.0) == broken(chat, FakeOptimizer().optimize(chat)) == []
    changed = FakeOptimizer().optimize(chat)
    assert broken([{"role": "system", "content": "Be long."}, chat[1]], changed) == ["an older message changed"]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Fix this:\n\nteh cat", True), ("Fix these 3 words:\n\nteh cat", False), ("Fix this:\n\nthe cat", False)],
)
def test_what_an_adapter_sent_is_held_to_the_contract(sent: str, kept: bool) -> None:
    assert (sent_text("Fix this:\n\nteh cat", sent) == []) is kept


def world(kind: type[PromptOptimizer] = FakeOptimizer) -> World:
    return World(kind(), kind())  # type: ignore[call-arg]


@needs_proc
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: str(action.__name__))
def test_every_action_works_and_keeps_the_promises(action: Callable[[World, random.Random], Any]) -> None:
    used = world()
    events: list[Event] = [event for seed in range(6) for event in action(used, random.Random(seed))]
    assert events
    assert [event.broken for event in events if event.broken] == []


class Lying(FakeOptimizer):
    """Hands out what no contract would let through."""

    def optimize_batch(self, prompts: Any, **overrides: Any) -> list[OptimizedPrompt]:
        results = super().optimize_batch(prompts, **overrides)
        return [replace(result, text=f"{result.text} 7", prompt=f"{result.text} 7") for result in results]


@needs_proc
def test_a_lying_optimizer_is_caught(tmp_path: Path) -> None:
    report = run.soak(1.0, 0.1, tmp_path, world(Lying))
    assert sum(report["broken"].values()) > 10
    assert any("sent although numbers_invented fails" in name for name in report["broken"])
    assert any("the original is another object" in name for name in report["broken"])
    assert "BROKEN" in (tmp_path / "report.txt").read_text(encoding="utf-8")


@needs_proc
def test_an_action_that_raises_or_hangs_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def hanging(*_: Any) -> list[Event]:
        go.wait(30)
        return []

    def raising(*_: Any) -> list[Event]:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(run, "ACTIONS", {hanging: 1, raising: 5})
    monkeypatch.setattr(run, "HANGS_S", 0.3)
    report = run.soak(30.0, 0.05, tmp_path, world())
    go.set()
    assert report["seconds"] < 20
    assert report["broken"]["hanging: hangs"] >= 1
    assert report["broken"]["raising: ZeroDivisionError"] >= 1
    assert "a defect" in report["examples"][0]


@needs_proc
def test_the_command_says_by_its_exit_code_whether_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "World", world)
    code = command.main(["--minutes", "0.1", "--every", "0.1", "--out", str(tmp_path / "good")])
    report = json.loads((tmp_path / "good" / "report.json").read_text(encoding="utf-8"))
    leaks = report["process"]["leaks"]  # six seconds in a process of many tests say little of them
    assert (code, report["broken"]) == (int(bool(leaks)), {})
    assert ("every promise kept, nothing grows" in capsys.readouterr().out) == (not leaks)
    assert report["results"]["rewritten"] > 0
    samples = (tmp_path / "good" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(samples) >= 3  # 60 on an idle machine; forks of a large process are slow on a busy one
    monkeypatch.setattr(command, "World", lambda: world(Lying))
    assert command.main(["--minutes", "0.01", "--every", "0.1", "--out", str(tmp_path / "bad")]) == 1


@needs_proc
@pytest.mark.heavy
def test_two_minutes_with_the_real_model(tmp_path: Path) -> None:
    assert command.main(["--minutes", "2", "--out", str(tmp_path)]) == 0, sys.stderr
