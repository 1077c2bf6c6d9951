"""What users keep is stored once, whole, in private, and only if it holds no key."""

import json
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bpo_model import BPOError, OptimizedPrompt
from bpo_model.feedback import Outcome, Verdict, read, record
from bpo_model.testing import FakeOptimizer

PROMPT = "Summarize this e-mail.\n\nHi Jo,\nthe pump broke."
WRITER = """
import sys, pathlib
from bpo_model.feedback import record
from bpo_model.testing import FakeOptimizer
result = FakeOptimizer().optimize(f"tell me about {sys.argv[2]} " + "and so on " * 20)
for number in range(int(sys.argv[3])):
    record(result, "edited", edited=f"{sys.argv[2]} {number} " + "x y " * 400, file=pathlib.Path(sys.argv[1]))
    print(number, flush=True)
"""
TOO_SMALL_A_DISK = """
import resource, signal, sys, pathlib
from bpo_model.feedback import record
from bpo_model.testing import FakeOptimizer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = pathlib.Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, -1))
try:
    record(FakeOptimizer().optimize("tell me about tea"), "accepted", file=file)
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback.jsonl"


@pytest.fixture(scope="module")
def result() -> OptimizedPrompt:
    return FakeOptimizer().optimize(PROMPT)


def writer(file: Path, name: str, rows: int, code: str = WRITER, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(file), name, str(rows)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_a_row_says_what_was_asked_written_and_kept(file: Path, result: OptimizedPrompt) -> None:
    assert record(result, "accepted", file=file, identity="/home/somebody/weights 0815") is Outcome.STORED
    (row,), left_out = read(file)
    assert (row.verdict, row.prompt, row.rewrite, row.kept) == ("accepted", PROMPT, result.text, result.text)
    assert row.prompt[slice(*row.instruction)] == "Summarize this e-mail."
    assert (row.optimizer, len(row.identity), row.time[:2]) == (result.model, 16, "20")
    assert not left_out
    stored = json.loads(file.read_bytes())
    assert stored["version"] == 1
    assert "somebody" not in file.read_text(encoding="utf-8")


def test_a_conversation_leaves_its_newest_turn_and_nothing_else(file: Path) -> None:
    turns = [{"role": "system", "content": "be brief, Ottoline"}, {"role": "user", "content": "tell me about tea"}]
    record(FakeOptimizer().optimize(turns), "reverted", file=file)
    assert "Ottoline" not in file.read_text(encoding="utf-8")
    assert read(file)[0][0].kept == "tell me about tea"


@pytest.mark.parametrize(
    ("edited", "verdict"), [("My own words.", "edited"), (PROMPT, "reverted"), (None, "accepted")], ids=str
)
def test_an_edit_counts_as_what_it_comes_to(
    file: Path, result: OptimizedPrompt, edited: str | None, verdict: str
) -> None:
    record(result, "edited", edited=edited or result.text, file=file)
    assert read(file)[0][0].verdict == verdict


def test_without_a_rewrite_there_is_nothing_to_accept_but_an_edit_counts(file: Path) -> None:
    unchanged = FakeOptimizer(lambda text: text).optimize("tell me about tea")
    assert record(unchanged, "accepted", file=file) is Outcome.NO_REWRITE
    assert record(unchanged, "reverted", file=file) is Outcome.NO_REWRITE
    assert not file.exists()
    assert record(unchanged, "edited", edited="Explain tea.", file=file) is Outcome.STORED
    assert read(file)[0][0].verdict is Verdict.EDITED


@pytest.mark.parametrize("where", ["prompt", "edited"])
def test_text_that_looks_like_a_key_is_refused(file: Path, result: OptimizedPrompt, where: str) -> None:
    secret = "my api key is sk-" + "a1B2c3D4" * 4
    if where == "prompt":
        outcome = record(FakeOptimizer().optimize(f"tell me about {secret}"), "accepted", file=file)
    else:
        outcome = record(result, "edited", edited=secret, file=file)
    assert outcome is Outcome.SECRET
    assert not file.exists()


@pytest.mark.parametrize(
    ("verdict", "edited", "said"),
    [("liked", None, "accepted, edited, reverted"), ("accepted", "x", "goes with"), ("edited", None, "goes with"),
     ("edited", "  \n", "blank")],
)  # fmt: skip
def test_misuse_is_named(file: Path, result: OptimizedPrompt, verdict: Any, edited: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        record(result, verdict, edited=edited, file=file)
    assert not file.exists()


def test_the_file_is_its_owners_alone_even_if_it_was_open_before(file: Path, result: OptimizedPrompt) -> None:
    record(result, "accepted", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    record(result, "reverted", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_odd_characters_and_line_ends_come_back_as_they_were(file: Path, result: OptimizedPrompt) -> None:
    edited = "a\u2028b\x85c\r\nd \ud83d \U0001f33f"
    record(result, "edited", edited=edited, file=file)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1
    assert read(file)[0][0].kept == edited


def test_many_processes_write_whole_lines_and_lose_none(file: Path) -> None:
    writers = [writer(file, name, 40) for name in ("tea", "rain", "salt", "ink")]
    assert [process.communicate()[0].count("\n") for process in writers] == [40] * 4
    rows, left_out = read(file)
    assert not left_out
    assert {(row.kept.split()[0], row.kept.split()[1]) for row in rows} == {
        (name, str(number)) for name in ("tea", "rain", "salt", "ink") for number in range(40)
    }


def test_what_was_reported_stored_outlives_kill_9(file: Path, result: OptimizedPrompt) -> None:
    process = writer(file, "tea", 100_000)
    assert process.stdout
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    reported = 5 + len(process.communicate()[0].split())
    rows, left_out = read(file)
    assert reported <= len(rows) <= reported + 1
    assert left_out["unreadable"] <= 1
    assert record(result, "accepted", file=file) is Outcome.STORED
    assert len(read(file)[0]) == len(rows) + 1


def test_a_line_that_a_crash_cut_off_spoils_no_other(file: Path, result: OptimizedPrompt) -> None:
    record(result, "accepted", file=file)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    record(result, "reverted", file=file)
    rows, left_out = read(file)
    assert [row.verdict for row in rows] == ["accepted", "reverted"]
    assert left_out == {"unreadable": 1}


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, result: OptimizedPrompt) -> None:
    record(result, "accepted", file=file)
    before = file.read_bytes()
    process = writer(file, "tea", 1, TOO_SMALL_A_DISK)
    assert process.communicate()[0].strip() == "OSError"
    assert file.read_bytes() == before


def test_a_writer_waits_for_another_ones_lock(file: Path, result: OptimizedPrompt) -> None:
    import fcntl

    record(result, "accepted", file=file)
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = writer(file, "tea", 1)
        time.sleep(1.0)
        assert process.poll() is None
        assert len(read(file)[0]) == 1
    assert process.communicate()[0] == "0\n"
    assert len(read(file)[0]) == 2


def test_a_folder_or_a_pipe_is_no_feedback_file(tmp_path: Path, result: OptimizedPrompt) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BPOError, match="not a regular file"):
        record(result, "accepted", file=tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        record(result, "accepted", file=tmp_path)


def test_rows_of_others_are_counted_and_left_alone(file: Path, result: OptimizedPrompt) -> None:
    record(result, "accepted", file=file)
    good = json.loads(file.read_bytes())
    others = [
        {**good, "version": 2}, {**good, "verdict": "liked"}, {**good, "instruction": [5, 2]}, {**good, "kept": 7},
        {**good, "instruction": [0, 9999]}, {"version": 1}, [], 3, None,
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in [*others, good]) + "[" * 200_000, encoding="utf-8")
    rows, left_out = read(file)
    assert len(rows) == 1
    assert left_out == {"other_version": 1, "unreadable": 9}
