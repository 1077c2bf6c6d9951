"""The command as a user types it: a real process where that matters, the real model throughout."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BPO = [sys.executable, "-m", "bpo_model.cli"]


def bpo(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*BPO, *arguments], input=stdin, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


def test_optimize_prints_the_text_and_nothing_else() -> None:
    done = bpo("optimize", "how do volcanoes work")
    assert (done.returncode, done.stderr) == (0, "")
    assert "volcanoes" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_dash_reads_standard_input_byte_for_byte() -> None:
    done = bpo("optimize", "--rewrite", "never", "-", stdin="  zwei  Wörter\t\n")
    assert done.stdout == "  zwei  Wörter\t\n\n"


def test_json_says_everything() -> None:
    record = json.loads(bpo("optimize", "--json", "best laptop under $800").stdout)
    assert {
        "text",
        "original",
        "changed",
        "reason",
        "violations",
        "edits",
        "strategies",
        "tokens",
        "latency_ms",
    } <= set(record)
    assert "$800" in record["text"]
    for edit in record["edits"]:
        assert record["text"][slice(*edit["span_after"])] == edit["after"]


def test_explain_shows_diff_reason_and_strategies() -> None:
    done = bpo("optimize", "--explain", "how do volcanoes work")
    assert "{+" in done.stdout
    assert "rewritten and verified" in done.stdout


def test_explain_says_why_a_prompt_was_left_alone() -> None:
    assert "left as it was: follow_up" in bpo("optimize", "--explain", "make it shorter").stdout


def test_messages_come_back_as_messages(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "how do volcanoes work"}]
    (tmp_path / "chat.json").write_text(json.dumps(chat), encoding="utf-8")
    record = json.loads(bpo("optimize", "--json", "--messages", str(tmp_path / "chat.json")).stdout)
    assert record["messages"][0] == chat[0]
    assert record["messages"][1] == {"role": "user", "content": record["text"]}


def test_a_file_is_rewritten_with_bad_lines_as_records(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('"why do cats purr"\nnot json\n{"id": 7, "prompt": "what is a black hole"}\n', encoding="utf-8")
    done = bpo("optimize", "--file", str(source), "--out", str(out))
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert done.returncode == 3
    assert "3 prompts" in done.stderr
    assert ["error" in record for record in records] == [False, True, False]
    assert records[2]["id"] == 7
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.slow
def test_interrupting_a_file_keeps_what_is_done_and_a_rerun_finishes(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f'"tell me about the number {n} in art"\n' for n in range(100, 196)), encoding="utf-8")
    process = subprocess.Popen(
        [*BPO, "optimize", "--file", str(source), "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    part = tmp_path / "out.jsonl.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    finished = part.read_text(encoding="utf-8").splitlines()
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    assert not out.exists()
    done = bpo("optimize", "--file", str(source), "--out", str(out))
    assert f"{len(finished)} from an earlier run" in done.stderr.replace("\n", " ")
    assert out.read_text(encoding="utf-8").splitlines()[: len(finished)] == finished
    assert [json.loads(line)["line"] for line in out.read_text(encoding="utf-8").splitlines()] == list(range(1, 97))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["optimize"], 2, "exactly one of"),
        (["optimize", "a", "--messages", "b"], 2, "exactly one of"),
        (["optimize", "--file", "in.jsonl"], 2, "go together"),
        (["optimize", "a", "--iterations", "0"], 2, "iterations"),
        (["optimize", "a", "--mode", "wild"], 2, "mode"),
        (["optimize", "--messages", "missing.json"], 1, "cannot read messages from missing.json"),
        (["optimize", "--file", "missing.jsonl", "--out", "o"], 1, "missing.jsonl does not exist"),
        (["optimize", "a", "--model", "nowhere"], 1, "no checkpoint at 'nowhere'"),
    ],
)
def test_errors_are_one_line_with_an_honest_exit_code(arguments: list[str], code: int, message: str) -> None:
    done = bpo(*arguments)
    assert done.returncode == code
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_damaged_base_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(b"damaged")
    done = bpo("optimize", "hello world of tea", env={"BPO_BASE_MODEL": str(tmp_path / "base.gguf")})
    assert done.returncode == 1
    assert "has 7 bytes, expected 98362432. Delete it and install it again." in done.stderr


def test_doctor_passes_here_and_fails_on_a_damaged_file(tmp_path: Path) -> None:
    healthy = bpo("doctor")
    assert healthy.returncode == 0, healthy.stdout
    assert "self-test" in healthy.stdout
    (tmp_path / "base.gguf").write_bytes(b"damaged")
    sick = bpo("doctor", env={"BPO_BASE_MODEL": str(tmp_path / "base.gguf")})
    assert sick.returncode == 1
    assert "fail" in sick.stdout


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the cache folder should be", encoding="utf-8")
    done = bpo("optimize", "how do volcanoes work", env={"XDG_CACHE_HOME": str(tmp_path / "occupied")})
    assert done.returncode == 0
    assert done.stdout.startswith("how do volcanoes work")
    assert "using the adapter as it is, which is slower" in done.stderr


def test_info_lists_the_checks_and_the_policy() -> None:
    shown = bpo("info").stdout
    assert "numbers_kept" in shown
    assert "languages=('en',)" in shown
