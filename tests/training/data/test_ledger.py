"""The ledger: what was paid for stays, whoever writes and whatever crashes."""

import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.data.teacher_server import saying
from training.data.teaching.ledger import Ledger, LedgerError, Line, line_of

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from tests.training.data.teacher_server import saying
from training.data.teaching.ledger import Ledger, line_of
ledger = Ledger(Path(sys.argv[1]))
for number in range(200):
    ledger.put([line_of(f"{sys.argv[2]}-{number}", 200, saying(sys.argv[2]))])
"""


def line(key: str, text: str = "yes") -> Line:
    return line_of(key, 200, saying(text))


def text_of(ledger: Ledger, key: str) -> str:
    found = ledger.get(key)
    assert found is not None
    return str(found["response"]["body"]["choices"][0]["message"]["content"])


def test_what_was_put_is_there_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a" / "b")
    assert not ledger.folder.exists()
    ledger.put([line("k", "ü\ud83d \n{")])
    ledger.put([line("l")])
    assert len(ledger) == len(Ledger(ledger.folder)) == 2
    assert Ledger(ledger.folder).get("k") == ledger.get("k") == line("k", "ü\ud83d \n{")
    assert ledger.get("m") is None
    ledger.close()


def test_a_line_has_the_form_of_a_batch(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.put([line("k")])
    (file,) = tmp_path.glob("*.jsonl")
    assert json.loads(file.read_text()) == {
        "custom_id": "k", "response": {"status_code": 200, "body": saying("yes")}, "error": None,
    }  # fmt: skip
    ledger.close()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_costs_one_answer(cut: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(tmp_path)
    ledger.put([line("a"), line("b")])
    ledger.close()
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[: -1 - cut])
    with caplog.at_level(logging.WARNING):
        again = Ledger(tmp_path)
    assert (len(again), again.get("b")) == (1, None)
    assert "unfinished last line" in caplog.text
    again.put([line("b")])  # goes into a file of its own, behind no torn line
    assert len(Ledger(tmp_path)) == 2
    again.close()


def test_a_last_line_without_its_end_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(line("a")))
    assert len(Ledger(tmp_path)) == 1
    assert caplog.text == ""


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(line("a")) + "\n{oops\n" + json.dumps(line("b")) + "\n")
    with pytest.raises(LedgerError, match=r"a\.jsonl, line 2 is no JSON object"):
        Ledger(tmp_path)


def test_output_of_a_batch_may_be_laid_into_the_folder(tmp_path: Path) -> None:
    late = {"id": "r", "custom_id": "b", "response": None, "error": {"code": "batch_expired"}}
    busy = {"id": "r", "custom_id": "c", "response": {"status_code": 500, "body": {}}, "error": None}
    (tmp_path / "out.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in ({"id": "r", **line("a")}, late, busy))
    )
    ledger = Ledger(tmp_path)
    assert (len(ledger), text_of(ledger, "a")) == (1, "yes")


def test_several_processes_write_side_by_side(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.put([line("mine")])
    children = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=ROOT) for name in "ab"]
    while any(child.poll() is None for child in children):
        ledger.refresh()  # meets lines that are being written
    assert [child.returncode for child in children] == [0, 0]
    ledger.refresh()
    assert len(ledger) == len(Ledger(tmp_path)) == 401
    assert {text_of(ledger, f"{name}-{number}") for number in range(200) for name in "a"} == {"a"}
    assert len(list(tmp_path.iterdir())) == 3
    ledger.close()


def test_refresh_reads_what_came_since(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path), Ledger(tmp_path)
    one.put([line("a")])
    assert other.get("a") is None
    other.refresh()
    assert other.get("a") is not None
    half = json.dumps(line("b"))
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text(half[:50])
    other.refresh()
    assert other.get("b") is None
    foreign.write_text(half + "\n")
    other.refresh()
    assert other.get("b") is not None
    one.close()


def test_of_two_answers_the_same_counts_in_any_order(tmp_path: Path) -> None:
    for folder, names in (("x", "ab"), ("y", "ba")):
        (tmp_path / folder).mkdir()
        for name, text in zip(names, ("first", "second"), strict=True):
            (tmp_path / folder / f"{name}.jsonl").write_text(json.dumps(line("k", text)) + "\n")
    assert text_of(Ledger(tmp_path / "x"), "k") == text_of(Ledger(tmp_path / "y"), "k")


def test_an_answer_counts_before_a_refusal(tmp_path: Path) -> None:
    refusal = line_of("k", 400, {"error": {"code": "content_filter", "message": "no"}})
    for order, lines in enumerate(([refusal, line("k")], [line("k"), refusal])):
        ledger = Ledger(tmp_path / str(order))
        ledger.put(lines)
        assert text_of(ledger, "k") == text_of(Ledger(ledger.folder), "k") == "yes"
        ledger.close()


@pytest.mark.parametrize(
    "failure",
    [line_of("k", 429, {"error": {"code": "slow"}}), line_of("k", 200, {}), {"custom_id": 7}, {"custom_id": "k"}],
)
def test_failures_are_not_kept(failure: Line, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(ValueError, match="only answers are kept"):
        ledger.put([line("a"), failure])
    assert (len(ledger), list(tmp_path.iterdir())) == (0, [])


def test_after_a_full_disk_another_file_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)
    ledger.put([line("a")])

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            ledger.put([line("b")])
    assert ledger.get("b") is None
    ledger.put([line("c")])
    assert len(list(tmp_path.iterdir())) == 2
    ledger.close()


def by_pickle(ledger: Ledger, number: int) -> None:
    pickle.loads(pickle.dumps(ledger)).put([line(f"copy-{number}")])


def by_fork(ledger: Ledger, number: int) -> None:
    child = os.fork()
    if child == 0:
        ledger.put([line(f"fork-{number}")])
        os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize("copy", [by_pickle, by_fork])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning", "ignore:unclosed file:ResourceWarning")
def test_a_copy_writes_to_a_file_of_its_own(copy: Callable[[Ledger, int], None], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.put([line("mine")])
    copy(ledger, 1)
    ledger.put([line("mine, later")])
    files = sorted(tmp_path.glob("*.jsonl"), key=lambda file: file.read_text().count("\n"))
    assert [file.read_text().count("\n") for file in files] == [1, 2]
    assert len(Ledger(tmp_path)) == 3
    ledger.close()
