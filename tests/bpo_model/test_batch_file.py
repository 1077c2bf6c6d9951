"""A file of prompts becomes a file of records: in order, resumable, and one bad line costs one record."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpo_model.batch_file import CHUNK, FileCounts, rewrite_file
from bpo_model.errors import BPOError, GenerationError
from bpo_model.schema import OptimizedPrompt, Prompt
from bpo_model.testing import FakeOptimizer, add_please

TIDES = "tell me about tides"
GOOD = [
    f"tell me about {topic} number {number}" for number in range(20) for topic in ("tides", "leeks", "jazz", "bees")
]


class Recorder:
    """Optimizes, keeps what it was asked, and fails when a test wants it to."""

    def __init__(self, fail_in_call: int = 0, error: BaseException | None = None) -> None:
        self.optimizer = FakeOptimizer()
        self.asked: list[list[Prompt]] = []
        self.fail_in_call, self.error = fail_in_call, error or KeyboardInterrupt()

    def __call__(self, prompts: list[Prompt]) -> list[OptimizedPrompt]:
        """Rewrite a chunk."""
        self.asked.append(prompts)
        if len(self.asked) == self.fail_in_call:
            raise self.error
        return self.optimizer.optimize_batch(prompts)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "prompts.jsonl"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "optimized.jsonl"


def write(source: Path, *lines: object) -> None:
    """Each item as a line of JSON; bytes as they are."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    source.write_bytes(b"".join(line + b"\n" for line in raw))


def read(out: Path) -> list[dict[str, Any]]:
    raw = out.read_bytes()
    assert raw.isascii()
    assert not raw or raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**record, "latency_ms": 0} for record in records]


def part_of(out: Path) -> Path:
    return out.with_name(out.name + ".part")


def leave_part(source: Path, out: Path, call: int = 2) -> None:
    """Run until a chunk is interrupted."""
    with pytest.raises(KeyboardInterrupt):
        rewrite_file(source, out, Recorder(fail_in_call=call))


# What a line may be


def test_every_line_becomes_a_record_in_the_same_order(source: Path, out: Path) -> None:
    write(source, *GOOD)
    counts = rewrite_file(source, out, Recorder())
    records = read(out)
    assert [record["original"] for record in records] == GOOD
    assert [record["text"] for record in records] == [add_please(text) for text in GOOD]
    assert [record["line"] for record in records] == list(range(1, len(GOOD) + 1))
    assert counts == FileCounts(done=len(GOOD), resumed=0, changed=len(GOOD), failed=0)


def test_a_record_says_all_about_a_result(source: Path, out: Path) -> None:
    write(source, TIDES)
    rewrite_file(source, out, Recorder())
    (record,) = read(out)
    assert record.keys() == {
        "line", "input", "text", "original", "changed", "reason", "detail", "violations", "edits", "strategies",
        "model", "tokens", "latency_ms",
    }  # fmt: skip
    assert (record["changed"], record["reason"]) == (True, "rewritten")
    assert [record["text"][slice(*edit["span_after"])] for edit in record["edits"]] == [
        edit["after"] for edit in record["edits"]
    ]
    assert record["strategies"][0]["strategy"] == "explanation generation"


def test_an_object_may_hold_text_or_messages_and_an_id(source: Path, out: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TIDES}]
    write(
        source,
        {"prompt": TIDES, "id": "a-1"},
        {"messages": messages, "id": 7},
        {"prompt": TIDES, "other": "ignored"},
        {"prompt": messages},
    )
    rewrite_file(source, out, Recorder())
    text, chat, plain, prompt = read(out)
    assert (text["id"], text["text"]) == ("a-1", add_please(TIDES))
    assert (chat["id"], chat["text"]) == (7, add_please(TIDES))
    assert chat["messages"] == [messages[0], {"role": "user", "content": add_please(TIDES)}]
    assert "id" not in plain
    assert "messages" not in plain
    assert prompt["messages"] == chat["messages"]


@pytest.mark.parametrize("identifier", [None, 1.5, ["a"], {"a": 1}])
def test_an_id_that_is_neither_text_nor_number_is_left_out(identifier: object, source: Path, out: Path) -> None:
    write(source, {"prompt": TIDES, "id": identifier})
    rewrite_file(source, out, Recorder())
    assert "id" not in read(out)[0]


BAD_LINES: dict[str, Any] = {
    "no JSON": b"tell me about tides",
    "cut off": b'{"prompt": "tell me',
    "two values": b'"a" "b"',
    "blank": b"",
    "spaces": b"   ",
    "not UTF-8": b'"caf\xe9"',
    "UTF-16": '"tides"'.encode("utf-16"),
    "a number": 7,
    "null": None,
    "a list": [TIDES],
    "an empty object": {},
    "prompt of a wrong type": {"prompt": 7},
    "messages of a wrong type": {"messages": {"role": "user", "content": TIDES}},
    "number too long to read": b"9" * 10_000,
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_costs_one_record_and_never_reaches_the_model(line: Any, source: Path, out: Path) -> None:
    write(source, TIDES, line, "explain recursion")
    recorder = Recorder()
    counts = rewrite_file(source, out, recorder)
    first, bad, last = read(out)
    assert recorder.asked == [[TIDES, "explain recursion"]]
    assert (first["text"], last["text"]) == (add_please(TIDES), add_please("explain recursion"))
    assert bad.keys() == {"line", "input", "error"}
    assert bad["line"] == 2
    assert "JSON" in bad["error"]
    assert counts == FileCounts(done=3, changed=2, failed=1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "the list of messages is empty"),
        ([{"role": "robot", "content": TIDES}], "role 'robot'"),
        ([{"role": "user", "content": None}], "needs content"),
        ([TIDES], "must be a dict"),
    ],
)
def test_messages_that_cannot_be_read_cost_one_record(line: object, message: str, source: Path, out: Path) -> None:
    write(source, TIDES, {"messages": line, "id": 3}, "explain recursion")
    counts = rewrite_file(source, out, Recorder())
    first, bad, last = read(out)
    assert message in bad["error"]
    assert (bad["reason"], bad["id"], bad["changed"]) == ("error", 3, False)
    assert first["changed"]
    assert last["changed"]
    assert counts == FileCounts(done=3, changed=2, failed=1)


def test_a_failing_model_is_written_down_as_an_error(source: Path, out: Path) -> None:
    def fail(instruction: str) -> str:
        raise RuntimeError("no weights left")

    write(source, TIDES)
    counts = rewrite_file(source, out, FakeOptimizer(fail).optimize_batch)
    (record,) = read(out)
    assert (record["error"], record["reason"], record["text"]) == ("no weights left", "error", TIDES)
    assert counts == FileCounts(done=1, failed=1)


def test_a_prompt_that_is_left_alone_is_no_failure(source: Path, out: Path) -> None:
    write(source, "", " ", {"messages": [{"role": "assistant", "content": "They rise."}]})
    counts = rewrite_file(source, out, Recorder())
    assert [record["reason"] for record in read(out)] == ["blank", "blank", "no_user_text"]
    assert counts == FileCounts(done=3)


@pytest.mark.parametrize("text", ["tell me about \ud800 tides", "what is \u2028 this?", "caf\u00e9?", "👩‍🚀 \x00"])
def test_every_character_survives(text: str, source: Path, out: Path) -> None:
    write(source, text, json.dumps(f"{text} é").encode())
    rewrite_file(source, out, Recorder())
    assert [record["original"] for record in read(out)] == [text, f"{text} é"]


def test_utf_8_without_escapes_is_read(source: Path, out: Path) -> None:
    source.write_bytes('"how is café crème made?"'.encode())
    rewrite_file(source, out, Recorder())
    assert read(out)[0]["original"] == "how is café crème made?"


def test_line_ends_of_windows_and_a_missing_last_one_are_fine(source: Path, out: Path) -> None:
    source.write_bytes(b'"tell me about tides"\r\n"explain recursion"')
    rewrite_file(source, out, Recorder())
    assert [record["original"] for record in read(out)] == [TIDES, "explain recursion"]


def test_an_empty_file_becomes_an_empty_file(source: Path, out: Path) -> None:
    write(source)
    recorder = Recorder()
    assert rewrite_file(source, out, recorder) == FileCounts()
    assert out.read_bytes() == b""
    assert recorder.asked == []
    assert not part_of(out).exists()


def test_prompts_go_to_the_model_in_chunks(source: Path, out: Path) -> None:
    write(source, *GOOD)
    recorder, progress = Recorder(), list[int]()
    rewrite_file(source, out, recorder, progress.append)
    assert [len(prompts) for prompts in recorder.asked] == [CHUNK, CHUNK, len(GOOD) - 2 * CHUNK]
    assert list(itertools.chain.from_iterable(recorder.asked)) == GOOD
    assert progress == [0, CHUNK, 2 * CHUNK, len(GOOD)]


def test_a_chunk_of_bad_lines_costs_no_call_of_the_model(source: Path, out: Path) -> None:
    write(source, *[b"?"] * CHUNK, TIDES)
    recorder = Recorder()
    assert rewrite_file(source, out, recorder) == FileCounts(done=CHUNK + 1, changed=1, failed=CHUNK)
    assert recorder.asked == [[TIDES]]


# Interruptions


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GenerationError("gone"), MemoryError()], ids=repr)
def test_after_an_interruption_only_the_rest_is_computed(error: BaseException, source: Path, out: Path) -> None:
    write(source, *GOOD)
    with pytest.raises(type(error)):
        rewrite_file(source, out, Recorder(fail_in_call=2, error=error))
    assert not out.exists()
    assert len(read(part_of(out))) == CHUNK

    recorder, progress = Recorder(), list[int]()
    counts = rewrite_file(source, out, recorder, progress.append)
    assert list(itertools.chain.from_iterable(recorder.asked)) == GOOD[CHUNK:]
    assert counts == FileCounts(done=len(GOOD), resumed=CHUNK, changed=len(GOOD), failed=0)
    assert progress == [CHUNK, 2 * CHUNK, len(GOOD)]
    assert not part_of(out).exists()


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_interrupted_run_ends_in_the_file_of_an_uninterrupted_one(call: int, source: Path, out: Path) -> None:
    write(source, *GOOD[:40], *BAD_LINES.values(), *GOOD[40:], {"prompt": TIDES, "id": "x"})
    expected = out.with_name("expected.jsonl")
    counts = rewrite_file(source, expected, Recorder())
    leave_part(source, out, call)
    resumed = rewrite_file(source, out, Recorder())
    assert without_times(read(out)) == without_times(read(expected))
    assert (resumed.done, resumed.changed, resumed.failed) == (counts.done, counts.changed, counts.failed)
    assert resumed.resumed == (call - 1) * CHUNK


def test_a_run_may_be_interrupted_again_and_again(source: Path, out: Path) -> None:
    write(source, *GOOD)
    leave_part(source, out, 2)
    leave_part(source, out, 2)
    counts = rewrite_file(source, out, Recorder())
    assert counts.resumed == 2 * CHUNK
    assert [record["original"] for record in read(out)] == GOOD


@pytest.mark.parametrize("keep", [1, 20, -1, -20], ids=lambda keep: f"cut at {keep}")
def test_a_torn_last_record_is_computed_again(keep: int, source: Path, out: Path) -> None:
    write(source, *GOOD)
    leave_part(source, out)
    whole = part_of(out).read_bytes().splitlines(keepends=True)
    part_of(out).write_bytes(b"".join(whole[:-1]) + whole[-1][:keep])
    recorder = Recorder()
    counts = rewrite_file(source, out, recorder)
    assert recorder.asked[0][0] == GOOD[CHUNK - 1]
    assert counts.resumed == CHUNK - 1
    assert [record["original"] for record in read(out)] == GOOD


@pytest.mark.parametrize("rubbish", [b"\x00\x00\x00\n", b"\xff\n", b"[]\n", b"null\n", b"\n"])
def test_a_last_line_that_is_no_record_is_computed_again(rubbish: bytes, source: Path, out: Path) -> None:
    write(source, *GOOD)
    leave_part(source, out)
    with part_of(out).open("ab") as part:
        part.write(rubbish)
    assert rewrite_file(source, out, Recorder()).resumed == CHUNK
    assert [record["original"] for record in read(out)] == GOOD


def test_a_finished_part_only_has_to_be_renamed(source: Path, out: Path) -> None:
    write(source, *GOOD)
    rewrite_file(source, out, Recorder())
    out.rename(part_of(out))
    recorder = Recorder()
    assert rewrite_file(source, out, recorder).resumed == len(GOOD)
    assert recorder.asked == []


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "first line changed": lambda lines: ["explain recursion", *lines[1:]],
    "line inserted": lambda lines: [*lines[:5], "explain recursion", *lines[5:]],
    "line removed": lambda lines: lines[:5] + lines[6:],
    "lines swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "cut short": lambda lines: lines[:10],
    "emptied": lambda lines: [],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_part_of_another_input_is_refused_and_kept(
    change: Callable[[list[str]], list[str]], source: Path, out: Path
) -> None:
    write(source, *GOOD)
    leave_part(source, out)
    before = part_of(out).read_bytes()
    write(source, *change(GOOD))
    recorder = Recorder()
    with pytest.raises(
        BPOError, match=r"\.part line \d+ belongs to another input, model or options\. Delete it to start over"
    ):
        rewrite_file(source, out, recorder)
    assert recorder.asked == []
    assert part_of(out).read_bytes() == before
    assert not out.exists()


def test_lines_may_be_added_to_the_input_between_the_runs(source: Path, out: Path) -> None:
    write(source, *GOOD)
    leave_part(source, out)
    write(source, *GOOD, TIDES)
    assert rewrite_file(source, out, Recorder()).resumed == CHUNK
    assert [record["original"] for record in read(out)] == [*GOOD, TIDES]


# Files that cannot be used


def test_an_existing_result_is_never_overwritten(source: Path, out: Path) -> None:
    write(source, TIDES)
    out.write_text("precious", encoding="utf-8")
    recorder = Recorder()
    with pytest.raises(BPOError, match=rf"{out.name} exists already.*another --out"):
        rewrite_file(source, out, recorder)
    assert out.read_text(encoding="utf-8") == "precious"
    assert recorder.asked == []
    assert not part_of(out).exists()


def test_the_input_cannot_be_the_output(source: Path) -> None:
    write(source, TIDES)
    with pytest.raises(BPOError, match="exists already"):
        rewrite_file(source, source, Recorder())
    assert json.loads(source.read_bytes()) == TIDES


@pytest.mark.parametrize("make_folder", [True, False])
def test_an_input_that_is_no_file_is_refused(make_folder: bool, source: Path, out: Path) -> None:
    if make_folder:
        source.mkdir()
    with pytest.raises(BPOError, match=rf"{source.name} does not exist or is not a file"):
        rewrite_file(source, out, Recorder())
    assert not part_of(out).exists()


def test_a_folder_that_cannot_be_written_is_refused(source: Path, tmp_path: Path) -> None:
    write(source, TIDES)
    (tmp_path / "taken").write_text("a file where a folder is needed", encoding="utf-8")
    recorder = Recorder()
    with pytest.raises(BPOError, match=r"cannot write .*x\.jsonl\.part: .*another --out"):
        rewrite_file(source, tmp_path / "taken" / "x.jsonl", recorder)
    assert recorder.asked == []


def test_a_folder_in_place_of_the_part_is_refused(source: Path, out: Path) -> None:
    write(source, TIDES)
    part_of(out).mkdir()
    with pytest.raises(BPOError, match=r"cannot write .*\.part"):
        rewrite_file(source, out, Recorder())


def test_missing_folders_are_made(source: Path, tmp_path: Path) -> None:
    write(source, TIDES)
    rewrite_file(source, tmp_path / "a" / "b" / "x.jsonl", Recorder())
    assert len(read(tmp_path / "a" / "b" / "x.jsonl")) == 1


def test_the_result_appears_only_when_it_is_complete(source: Path, out: Path) -> None:
    write(source, *GOOD)
    seen: list[bool] = []
    rewrite_file(source, out, Recorder(), lambda done: seen.append(out.exists()))
    assert seen == [False] * 4
    assert out.exists()


def test_a_line_that_is_nested_too_deeply_costs_one_record(source: Path, out: Path) -> None:
    write(source, TIDES, b"[" * 200_000, "explain recursion")
    assert rewrite_file(source, out, Recorder()).failed == 1


def test_a_null_prompt_beside_messages_does_not_count(source: Path, out: Path) -> None:
    write(source, {"prompt": None, "messages": [{"role": "user", "content": TIDES}]})
    assert rewrite_file(source, out, Recorder()).changed == 1


def test_a_byte_order_mark_does_not_cost_the_first_record(source: Path, out: Path) -> None:
    write(source, b'\xef\xbb\xbf"tell me about tides"')
    assert rewrite_file(source, out, Recorder()).changed == 1
