"""The record of a run: what survives crashes, what is called again, and who may write."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpo_model.compare.judging import PAIRWISE, Template, judge_messages
from bpo_model.compare.lock import LockedError
from bpo_model.compare.store import FILES, MissingRecordsError, Record, Store, StoreError, join, key_of, read
from bpo_model.compare.types import Item

ROOT = Path(__file__).parents[2]
DATA = "d" * 64


def record(key: str, status: str = "ok", **more: Any) -> Record:
    return {"key": key, "status": status, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def filled(folder: Path, *records: Record) -> Path:
    """A run with these answers, closed again; the file of the answers."""
    with Store(folder, DATA) as store:
        for one in records:
            store.put("answer", one)
    return folder / FILES["answer"]


def found(folder: Path, *keys: str, keep_invalid: bool = False) -> list[bool]:
    """Which answers a resumed run finds."""
    with Store(folder, DATA, keep_invalid=keep_invalid) as store:
        return [store.get("answer", key) is not None for key in keys]


def test_what_was_put_is_there_in_the_next_run(folder: Path) -> None:
    filled(folder, record("k", text="Grüße \u2028 [[A]]\n\ud800", usd=None))
    with Store(folder, DATA) as store:
        assert store.get("answer", "k") == {
            "v": 1, "stage": "answer", "key": "k", "status": "ok", "text": "Grüße \u2028 [[A]]\n\ud800", "usd": None,
        }  # fmt: skip
        assert store.get("judge", "k") is None


def test_a_record_is_one_line_and_on_the_disk_when_put_returns(folder: Path) -> None:
    with Store(folder, DATA) as store:
        for number in range(3):
            store.put("judge", record(str(number), raw="a\nb\r\nc\u2028d"))
            lines = (folder / FILES["judge"]).read_bytes().split(b"\n")
            assert (len(lines), lines[-1]) == (number + 2, b"")


@pytest.mark.parametrize("left", range(0, 50, 7))
def test_a_torn_last_line_is_dropped_with_a_warning(folder: Path, caplog: pytest.LogCaptureFixture, left: int) -> None:
    file = filled(folder, record("a"), record("b"), record("c"))
    content = file.read_bytes()
    start = content.rindex(b"\n", 0, -1) + 1
    torn = content[: start + left]
    file.write_bytes(torn)
    assert left < len(content) - start - 1
    assert found(folder, "a", "b", "c") == [True, True, False]
    assert ("torn last line" in caplog.text) == (left > 0)
    assert file.read_bytes() == content[:start]
    filled(folder, record("c"))
    assert file.read_bytes() == content


def test_a_last_line_of_noughts_as_power_failures_leave_it_is_torn(folder: Path) -> None:
    file = filled(folder, record("a"))
    file.write_bytes(file.read_bytes() + b"\x00" * 100 + b"\n")
    assert found(folder, "a") == [True]


def test_a_last_line_that_only_lacks_its_end_is_kept(folder: Path) -> None:
    file = filled(folder, record("a"), record("b"))
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    assert found(folder, "a", "b") == [True, True]
    assert file.read_bytes() == content


@pytest.mark.parametrize("damage", [b"{torn\n", b"[]\n", b'{"status": "ok"}\n', b"\xff\xfe\n"])
def test_damage_in_the_middle_is_an_error_that_names_the_line(folder: Path, damage: bytes) -> None:
    file = filled(folder, record("a"), record("b"))
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + damage + second)
    with pytest.raises(StoreError, match="line 2 is no record"):
        Store(folder, DATA)
    file.write_bytes(first + b"\n" + second)  # the error has let go of the lock
    assert found(folder, "a", "b") == [True, True]


def test_the_last_record_of_a_key_wins(folder: Path) -> None:
    filled(folder, record("k", "error"), record("k", text="first"), record("k", text="second"))
    assert read(folder, "answer")["k"]["text"] == "second"


def test_a_resumed_run_calls_again_what_failed_or_was_invalid(folder: Path) -> None:
    statuses = ("ok", "identical", "invalid", "error")
    filled(folder, *(record(status, status) for status in statuses))
    assert found(folder, *statuses) == [True, True, False, False]
    assert found(folder, *statuses, keep_invalid=True) == [True, True, True, False]
    assert set(read(folder, "answer")) == set(statuses)  # a report counts them all the same


def test_within_a_run_nothing_is_called_twice(folder: Path) -> None:
    filled(folder, record("k", "error"))
    with Store(folder, DATA) as store:
        assert store.get("answer", "k") is None
        store.put("answer", record("k", "invalid"))
        again = store.get("answer", "k")
    assert again is not None
    assert again["status"] == "invalid"


@pytest.mark.parametrize("wrong", [{"status": "ok"}, {"key": "", "status": "ok"}, {"key": "k"}, record("k", "done")])
def test_a_record_without_key_or_status_is_refused(folder: Path, wrong: Record) -> None:
    with Store(folder, DATA) as store, pytest.raises(ValueError, match="needs key and status"):
        store.put("answer", wrong)
    assert read(folder, "answer") == {}


def test_what_the_disk_did_not_take_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = filled(folder, record("a"))
    content = file.read_bytes()
    with Store(folder, DATA) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            with pytest.raises(OSError, match="no space left"):
                store.put("answer", record("b"))
        assert file.read_bytes() == content
        assert store.get("answer", "b") is None
        store.put("answer", record("b"))
    assert found(folder, "a", "b") == [True, True]


def _full(descriptor: int) -> None:
    raise OSError("no space left")


def test_threads_may_put_at_the_same_time(folder: Path) -> None:
    with Store(folder, DATA) as store:

        def write(thread: int) -> None:
            for number in range(20):
                store.put("answer", record(f"{thread}-{number}", text="x" * 5000))

        threads = [threading.Thread(target=write, args=(one,)) for one in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read(folder, "answer")) == 80


def test_the_order_in_which_calls_end_does_not_show(folder: Path, tmp_path: Path) -> None:
    records = [record(str(number), text=str(number)) for number in range(30)]
    filled(folder, *records)
    random.Random(1).shuffle(records)
    filled(tmp_path / "other", *records)
    first, second = read(folder, "answer"), read(tmp_path / "other", "answer")
    assert json.dumps(first) == json.dumps(second)
    with Store(folder, DATA) as store:
        assert json.dumps(store.records("answer")) == json.dumps(first)


def test_shuffled_lines_are_joined_by_key(folder: Path) -> None:
    file = filled(folder, *(record(f"k{number}", text=str(number)) for number in range(20)))
    lines = file.read_text(encoding="utf-8").splitlines()
    random.Random(2).shuffle(lines)
    file.write_text("\n".join(lines), encoding="utf-8")
    wanted = {f"vicuna/{number}": f"k{number}" for number in range(20)}
    joined = join(read(folder, "answer"), wanted)
    assert {item: one["text"] for item, one in joined.items()} == {f"vicuna/{n}": str(n) for n in range(20)}


def test_dropped_lines_are_an_error_that_lists_the_items(folder: Path) -> None:
    file = filled(folder, *(record(f"k{number}") for number in range(5)))
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:4]), encoding="utf-8")
    wanted = {f"dolly/{number}": f"k{number}" for number in range(5)}
    with pytest.raises(MissingRecordsError, match="2 of 5 records are missing: dolly/1, dolly/4"):
        join(read(folder, "answer"), wanted)


def test_a_run_is_not_continued_on_other_data(folder: Path) -> None:
    filled(folder, record("k"))
    with pytest.raises(StoreError, match="other data"):
        Store(folder, "e" * 64)
    assert found(folder, "k") == [True]


def test_the_manifest_keeps_what_every_session_was_made_with(folder: Path) -> None:
    for commit in ("one", "one", "two"):
        with Store(folder, DATA, {"git": commit, "seeds": (1, 2)}):
            pass
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["dataset_sha"] == DATA
    assert manifest["sessions"] == [{"git": "one", "seeds": [1, 2]}, {"git": "two", "seeds": [1, 2]}]


WRITER = """
import sys, time
from pathlib import Path
from bpo_model.compare.store import Store
store = Store(Path(sys.argv[1]), "d" * 64)
store.put("answer", {"key": "a", "status": "ok"})
print("written", flush=True)
time.sleep(600)
"""


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_taken_over(folder: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "written\n"
        with pytest.raises(LockedError, match=f"process {writer.pid} is writing to run"):
            Store(folder, DATA)
        assert set(read(folder, "answer")) == {"a"}  # reports need no lock
        writer.send_signal(signal.SIGKILL)
        writer.wait(30)
        assert (folder / "lock").read_text(encoding="utf-8") == f"{writer.pid}\n"
        assert found(folder, "a") == [True]


def test_one_process_cannot_open_a_run_twice_but_again(folder: Path) -> None:
    with Store(folder, DATA), pytest.raises(LockedError, match=f"process {os.getpid()} "):
        Store(folder, DATA)
    assert found(folder, "k") == [False]


def keys(
    rewriter: str = "bpo-1", template: Template = PAIRWISE, seed: int = 0, answer: str = "Sleep more."
) -> list[str]:
    """The keys of a rewrite, its answer and its judgment, as a run makes them."""
    item = Item("vicuna/1", "vicuna", "how to sleep")
    rewrite = f"{item.prompt}, by {rewriter}"
    shown = [dict(message) for message in judge_messages(item, answer, "Sleep.", "ab", template)]
    return [
        key_of("rewrite", {"prompt": item.prompt}, rewriter, {}),
        key_of("answer", [{"role": "user", "content": rewrite}], "target", {"temperature": 0}, replicate=seed),
        key_of("judge", shown, "judge", {"temperature": 0}, template.sha),
    ]


def changed(**change: Any) -> list[bool]:
    """Which of the three calls have to be made again."""
    return [old != new for old, new in zip(keys(), keys(**change), strict=True)]


@pytest.mark.parametrize("part", ["user", "system", "reminder"])
def test_a_byte_of_the_judge_prompt_asks_only_the_judges_again(part: str) -> None:
    text = getattr(PAIRWISE, part)
    template = Template(**{**{name: getattr(PAIRWISE, name) for name in Template.__slots__}, part: text + "!"})
    assert changed(template=template) == [False, False, True]


def test_another_rewriter_calls_all_again() -> None:
    assert changed(rewriter="bpo-2")[:2] == [True, True]
    assert changed(answer="Another answer.") == [False, False, True]


def test_another_replicate_is_another_call() -> None:
    assert changed(seed=1) == [False, True, False]


def test_nothing_changed_is_no_call_at_all() -> None:
    assert changed() == [False, False, False]


def test_stages_models_and_parameters_have_keys_of_their_own() -> None:
    made = {
        key_of("answer", "x", "m", {}), key_of("judge", "x", "m", {}), key_of("answer", "y", "m", {}),
        key_of("answer", "x", "n", {}), key_of("answer", "x", "m", {"temperature": 0}),
        key_of("answer", "x", "m", {"temperature": 0.5}), key_of("answer", "x", "m", {}, "t"),
        key_of("answer", "x", "m", {}, "", 1), key_of("answer", "xm", "", {}), key_of("answer", ["x"], "m", {}),
    }  # fmt: skip
    assert len(made) == 10


def test_spelling_makes_no_other_key() -> None:
    one = key_of("answer", [{"role": "user", "content": "x"}], "m", {"temperature": 0, "top_p": 1})
    assert key_of("answer", ({"content": "x", "role": "user"},), "m", {"top_p": 1.0, "temperature": 0.0}) == one


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON)
def test_a_key_survives_a_journey_through_json(inputs: Any) -> None:
    assert key_of("answer", json.loads(json.dumps(inputs)), "m", {}) == key_of("answer", inputs, "m", {})


def test_what_is_no_json_has_no_key() -> None:
    with pytest.raises(TypeError):
        key_of("answer", {1, 2}, "m", {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        key_of("answer", float("nan"), "m", {})
