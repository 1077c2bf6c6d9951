"""Several threads that act at random, and one that watches the process."""

import json
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpo_model.files import write_text
from evals.machine import machine
from evals.soak import gauges
from evals.soak.load import ACTIONS, Action, Event, World

ACTORS = 6
"""Threads: more than the model has slots, so that calls queue, wait and are given up."""
HANGS_S = 180.0
"""An action that takes longer never ends."""


class Tally:
    """Counts of what happened; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.actions, self.reasons, self.broken = Counter[str](), Counter[str](), Counter[str]()
        self.examples: list[str] = []
        self.latest_ms = 0.0
        """The most that a result came after its deadline."""

    def add(self, action: str, events: list[Event]) -> None:
        """Count one action."""
        with self._lock:
            self.actions[action] += 1
            for event in events:
                self.reasons[event.reason] += 1
                self.latest_ms = max(self.latest_ms, event.late_ms)
                self.broken.update(f"{action}: {promise}" for promise in event.broken)

    def fail(self, action: str, why: str, detail: str = "") -> None:
        """Note an action that raised or hung."""
        with self._lock:
            self.broken[f"{action}: {why}"] += 1
            self.examples += [detail] if detail and len(self.examples) < 10 else []


class Actor:
    """A thread that does one action after the other."""

    def __init__(self, world: World, tally: Tally, stop: threading.Event, seed: str) -> None:
        self._world, self._tally, self._stop, self._rng = world, tally, stop, random.Random(seed)
        self.busy: tuple[str, float] = ("", time.monotonic())
        """What it does, and since when."""
        self.thread = threading.Thread(target=self._run, name=f"soak-{seed}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            action = self._rng.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            self.busy = (action.__name__, time.monotonic())
            self._once(action)

    def _once(self, action: Action) -> None:
        """Do it; whatever is raised is a broken promise."""
        try:
            self._tally.add(action.__name__, list(action(self._world, self._rng)))
        except Exception as error:  # noqa: BLE001  # finding these is what this is for
            self._tally.fail(action.__name__, type(error).__name__, traceback.format_exc(limit=-6))


def soak(seconds: float, every: float, out: Path, world: World, seed: int = 0) -> dict[str, Any]:
    """Run the load for so long, look at the process `every` so many seconds; writes and returns the report."""
    tally, stop, started = Tally(), threading.Event(), time.monotonic()
    actors = [Actor(world, tally, stop, f"{seed}-{number}") for number in range(ACTORS)]
    samples = [gauges.look(started)]
    while time.monotonic() - started < seconds:
        time.sleep(min(every, max(0.0, seconds - (time.monotonic() - started))))
        samples.append(gauges.look(started))
        _write(out, tally, samples)
        if any(_hangs(actor) for actor in actors):
            break
    stop.set()
    _end(actors, tally)
    return _write(out, tally, samples)


def _hangs(actor: Actor) -> bool:
    return actor.thread.is_alive() and time.monotonic() - actor.busy[1] > HANGS_S


def _end(actors: list[Actor], tally: Tally) -> None:
    """Wait for the last actions; one that does not end is a broken promise."""
    end = time.monotonic() + HANGS_S
    for actor in actors:
        actor.thread.join(max(0.0, end - time.monotonic()))
        if actor.thread.is_alive():
            tally.fail(actor.busy[0], "hangs")


def _write(out: Path, tally: Tally, samples: list[gauges.Sample]) -> dict[str, Any]:
    """The report so far; a run that is killed leaves the last one."""
    report = {
        "machine": machine(),
        "seconds": round(samples[-1].seconds, 1),
        "actors": ACTORS,
        "actions": dict(tally.actions.most_common()),
        "results": dict(tally.reasons.most_common()),
        "latest_after_deadline_ms": round(tally.latest_ms, 1),
        "broken": dict(tally.broken.most_common()),
        "examples": tally.examples,
        "process": gauges.summarize(samples),
    }
    write_text(out / "report.json", json.dumps(report, indent=1))
    write_text(out / "samples.jsonl", "".join(json.dumps(asdict(sample)) + "\n" for sample in samples))
    write_text(out / "report.txt", to_text(report) + "\n")
    return report


def to_text(report: Mapping[str, Any]) -> str:
    """A few lines for people."""
    process = report["process"]
    memory, trend = process["rss_mib"], process["slope_mib_per_hour"]
    minutes, actions = report["seconds"] / 60, sum(report["actions"].values())
    counted = ", ".join(f"{name} {count:,}" for name, count in report["results"].items())
    lines = [
        f"{minutes:.1f} minutes, {actions:,} actions in {report['actors']} threads",
        f"results: {counted}",
        f"latest result after its deadline: {report['latest_after_deadline_ms']:.0f} ms",
        f"after {process['warm_up_s'] / 60:.1f} minutes of warm-up:",
        f"  memory {memory['first_quarter']:.0f} -> {memory['last_quarter']:.0f} MiB (first and last quarter), "
        f"most above the start {memory['largest_growth']:.1f} MiB",
    ]
    if trend["value"] is not None:
        lines.append(f"  slope {trend['value']:+.1f} MiB an hour, 95% {trend['low']:+.1f} to {trend['high']:+.1f}")
    lines += [
        f"  {name} {process[name]['first_quarter']:.0f} -> {process[name]['last_quarter']:.0f}, "
        f"at most {process[name]['most']:.0f}"
        for name in ("threads", "files")
    ]
    lines += [f"LEAK: {name}" for name in process["leaks"]]
    lines += [f"BROKEN {count:,} times: {name}" for name, count in report["broken"].items()]
    sound = not process["leaks"] and not report["broken"]
    return "\n".join([*lines, "every promise kept, nothing grows" if sound else "see report.json"])
