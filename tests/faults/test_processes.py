"""Processes that are killed, forked or leave in the middle of their work."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness import LONG, in_process, rewritten

START = "from tests.faults.harness import *\nimport asyncio, atexit, os, signal, sys, threading, time\n"
LINES = 100
REWRITE = (
    START
    + """
from pathlib import Path
from bpo_model.batch_file import rewrite_file
calls, fatal = 0, int(sys.argv[3])
def fault(requests, cancelled):
    global calls
    calls += 1
    if calls == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return good(requests)
rewrite_file(Path(sys.argv[1]), Path(sys.argv[2]), optimizer_of(Faulty(fault, batch=8)).optimize_batch)
"""
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of prompts, one of them broken."""
    lines = [f'"tell me about the number {number} in art"' for number in range(LINES - 1)]
    (tmp_path / "in.jsonl").write_text("\n".join([*lines[:40], "no json", *lines[40:]]) + "\n", encoding="utf-8")
    return tmp_path / "in.jsonl"


def check(out: Path) -> None:
    """Every line has its record, once and in its place."""
    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [record["line"] for record in records] == list(range(1, LINES + 1))
    assert [number for number, record in enumerate(records) if "error" in record] == [40]
    texts = [record["text"] for record in records if "text" in record]
    assert texts == [rewritten(f"tell me about the number {number} in art") for number in range(LINES - 1)]
    assert [file.name for file in out.parent.iterdir() if file.name.startswith("out")] == ["out.jsonl"]


def test_kill_9_again_and_again_costs_a_chunk_and_no_record(source: Path) -> None:
    out = source.with_name("out.jsonl")
    for fatal in (2, 6, 3, 1):
        assert in_process(REWRITE, str(source), str(out), str(fatal)).returncode == -signal.SIGKILL
        assert not out.exists()
    assert in_process(REWRITE, str(source), str(out), "0").returncode == 0
    check(out)


def test_kill_9_of_the_command_with_the_real_model(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    skipped = [f'"what is {number} + {number}"\n' for number in range(32)]  # the first chunk needs no model
    asked = [f'"tell me about the history of {topic}"\n' for topic in ("tea", "salt", "glass", "paper")]
    source.write_text("".join([*skipped, *asked]), encoding="utf-8")
    command = [sys.executable, "-m", "bpo_model.cli", "optimize", "--file", str(source), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    part = tmp_path / "out.jsonl.part"
    end = time.monotonic() + LONG
    while not (part.exists() and part.stat().st_size) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    assert process.wait(LONG) == -signal.SIGKILL
    finished = part.read_bytes()
    assert finished.count(b"\n") == 32
    assert not out.exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * LONG, check=False)
    assert "32 from an earlier run" in " ".join(done.stderr.split())
    assert out.read_bytes().startswith(finished)
    assert [json.loads(line)["line"] for line in out.read_bytes().splitlines()] == list(range(1, 37))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_while_calls_run_and_locks_are_held() -> None:
    code = (
        START
        + """
from bpo_model.cache import MEMORY
from bpo_model.engines.registry import _registry
hang, own = Hang(), optimizer_of(FaultySettings("own"))
hanging = optimizer_of(Faulty(only_for("whales", hang)))
assert own.optimize("tell me about tea").changed
box = []
def call(**options):
    box.append(hanging.optimize("tell me about whales", **options))
calls = [threading.Thread(target=call), threading.Thread(target=call, kwargs={"deadline_ms": 1000 * LONG})]
for thread in calls: thread.start()
assert hang.started.wait(LONG)
locks = [MEMORY._lock, _registry._lock, own._own._lock, hanging._own._lock]
locks += [hanging._worker._changed, own._worker._loading]
taken = threading.Event()
def hold():
    for lock in locks: lock.acquire()
    taken.set()
    hang.go.wait(LONG)
    for lock in reversed(locks): lock.release()
holder = threading.Thread(target=hold)
holder.start()
assert taken.wait(LONG)
child = os.fork()
if child == 0:
    signal.alarm(int(LONG))  # the default action ends a child that hangs
    assert_served(own, "sea"); assert_served(hanging, "lake")
    late = hanging.optimize("tell me about whales", deadline_ms=DEADLINE_MS)
    assert late.reason.value == "deadline"
    os._exit(17)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
hang.go.set()
for thread in (*calls, holder): thread.join(LONG)
assert code == 17, code
assert [result.text for result in box] == [rewritten("tell me about whales")] * 2
"""
    )
    done = in_process(code)
    assert (done.returncode, done.stderr) == (0, "")


HANGING = (
    START
    + """
from bpo_model.engines import worker
worker.EXIT_SECONDS = 0.2
hang = Hang()
optimizer = optimizer_of(Faulty(only_for("whales", hang)))
whales = "tell me about whales"
"""
)
LEAVING = {
    "a daemon waits without a deadline": """
threading.Thread(target=optimizer.optimize, args=(whales,), daemon=True).start()
hang.started.wait(LONG)
""",
    "a daemon waits for a deadline": """
call = lambda: optimizer.optimize(whales, deadline_ms=700)
threading.Thread(target=call, daemon=True).start()
hang.started.wait(LONG)
""",
    "a deadline left the model behind": """
assert optimizer.optimize(whales, deadline_ms=50).reason.value == "deadline"
""",
    "the loop is closed under a call": """
async def main():
    asyncio.create_task(optimizer.aoptimize(whales))
    await asyncio.to_thread(hang.started.wait, LONG)
asyncio.run(main())
""",
    "sys.exit in the middle of a batch": """
def leave(*_): raise SystemExit(0)
signal.signal(signal.SIGALRM, leave)
signal.setitimer(signal.ITIMER_REAL, 0.2)
optimizer.optimize_batch([whales, "tell me about tea"])
""",
    "a call after the end": """
def late():
    for options in ({}, {"deadline_ms": 500}):
        result = optimizer.optimize("tell me about tea", **options)
        assert result.text == ("tell me about tea" if options else rewritten("tell me about tea")), result
        assert result.reason.value == ("error" if options else "rewritten"), result
    print("late")
atexit.register(late)
""",
}


@pytest.mark.parametrize("leaving", LEAVING.values(), ids=LEAVING)
def test_the_interpreter_leaves_at_once(leaving: str) -> None:
    done = in_process(HANGING + leaving, timeout=LONG)  # a Hang lasts as long: its end must not be what we see
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ("late\n" if "late" in leaving else "")
