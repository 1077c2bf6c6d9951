"""What goes wrong on the first day: every mistake is told what it was and what to do, and none ends in a traceback."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bpo_model import __version__
from bpo_model.cli import app
from tests.bpo_model.command import BPO, bpo

ASKED = "how do volcanoes work"
LEFT_ALONE = "make it shorter"
"""Needs no model to be answered."""


# The command line, wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([ASKED], f'no command. To rewrite it: bpo optimize "{ASKED}"'),
        (["optimise", ASKED], "Did you mean 'optimize'?"),
        (["optimize", *ASKED.split()], f'one argument, got 4. In quotes: bpo optimize "{ASKED}"'),
        (["optimize", "-5 degrees, is that cold?"], 'bpo optimize -- "-5 degrees, is that cold?"'),
        (["optimize", ASKED, "--modle", "x"], "Possible options: --file, --mode, --model"),
        (["optimize", ASKED, "--mode", "wild"], "'wild' is not one of 'stable', 'aggressive'"),
        (["optimize", ASKED, "--deadline-ms", "soon"], "--deadline-ms"),
        (["prove", "prompts.jsonl"], "Missing option '--target-url'"),
        (["cache", "inof"], "Did you mean 'info'?"),
    ],
)
def test_a_mistyped_command_line_is_answered_with_the_right_one(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, arguments, env={"TERMINAL_WIDTH": "200"})
    assert done.exit_code == 2
    assert said in done.output


def test_a_prompt_behind_two_dashes_may_begin_with_one() -> None:
    assert bpo("optimize", "--rewrite", "never", "--", "-5 degrees").stdout == "-5 degrees\n"


def test_version_by_name_and_by_module() -> None:
    assert bpo("--version").stdout == f"bpo-model {__version__}\n"


# The prompt, odd


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("", "the prompt is blank"), ("notes.txt", "To read that file: bpo optimize - < notes.txt")],
)
def test_a_prompt_that_is_probably_a_mistake_goes_out_with_a_remark(prompt: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("the real prompt", encoding="utf-8")
    done = bpo("optimize", "--rewrite", "never", prompt, cwd=tmp_path, env={"PYTHONPATH": os.getcwd()})
    assert (done.returncode, done.stdout) == (0, f"{prompt}\n")
    assert said in done.stderr


@pytest.mark.parametrize("messages", ['["hello"]', '{"role": "user"}', "\xff"])
def test_a_file_of_messages_that_is_none_is_one_line(messages: str, tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(messages, encoding="latin-1")
    done = bpo("optimize", "--messages", str(tmp_path / "chat.json"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_half_a_character_in_messages_comes_out_as_a_mark(tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text('[{"role": "user", "content": "tea \\ud83d"}]', encoding="utf-8")
    done = bpo("optimize", "--messages", str(tmp_path / "chat.json"))
    assert (done.returncode, done.stdout) == (0, "tea ?\n")


def test_a_file_of_plain_lines_is_told_what_a_line_looks_like(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(f"{ASKED}\n", encoding="utf-8")
    done = bpo("optimize", "--file", str(tmp_path / "in.txt"), "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 3
    assert "first failure: line 1: not a line of JSON in UTF-8" in done.stderr
    assert 'expected "a prompt" or {"prompt": "..."}' in done.stderr


# Streams and terminals


@pytest.mark.parametrize("option", ["--json", "--explain", "--mode=stable"])
def test_no_encoding_of_the_terminal_stops_the_command(option: str) -> None:
    prompt = "how is tea called in 東京?"
    done = bpo("optimize", "--rewrite", "never", option, prompt, env={"PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr
    assert (prompt if option != "--explain" else r"\u6771\u4eac") in done.stdout


def test_the_c_locale_changes_no_byte() -> None:
    env = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": ""}
    assert bpo("optimize", "--rewrite", "never", "café 東京", env=env).stdout == "café 東京\n"


@pytest.mark.parametrize(
    ("closed", "said"), [(">&-", "standard output is closed"), ("<&-", "standard input is closed")]
)
def test_a_closed_stream_is_named(closed: str, said: str) -> None:
    command = f'"$@" optimize --rewrite never {"-" if "<" in closed else "x"} {closed}'
    done = subprocess.run(["bash", "-c", command, "bash", *BPO], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bpo: {said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["info"], ["optimize", "--rewrite", "never", "x"]])
def test_a_reader_that_left_is_no_traceback(arguments: list[str]) -> None:
    command = '"$@" | true; exit ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *BPO, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode in {0, 1}, done.stderr) == (True, "")


def on_terminal(*arguments: str, typed: bytes = b"") -> str:
    """What a person sees who runs this, and types that."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*BPO, *arguments], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 4096):
            seen += data
            if typed and b"Ctrl-D" in seen:
                os.write(ours, typed)
                typed = b""
    except OSError:  # the other end is closed
        pass
    process.wait(60)
    os.close(ours)
    return seen.decode()


def test_on_a_terminal_an_unchanged_prompt_comes_with_the_reason() -> None:
    seen = on_terminal("optimize", LEFT_ALONE)
    assert "left as it was: follow_up (it refers to earlier turns" in seen
    assert bpo("optimize", LEFT_ALONE).stderr == ""


def test_reading_from_the_terminal_says_how_to_end() -> None:
    seen = on_terminal("optimize", "--rewrite", "never", "-", typed=b"typed by hand\n\x04")
    assert "end it with Ctrl-D" in seen
    assert seen.count("typed by hand") == 2


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs to see when llama.cpp starts its threads")
@pytest.mark.parametrize("after", [0.02, 0.04, 0.06])
def test_an_interrupt_while_the_model_loads_ends_the_command(after: float) -> None:
    """Three times: of 40 interrupts at this stage 32 hung before llama.cpp's start was shielded, 0 of 32 after."""
    process = subprocess.Popen([*BPO, "optimize", "--candidates", "8", ASKED], stderr=subprocess.PIPE)
    while process.poll() is None and len(os.listdir(f"/proc/{process.pid}/task")) == 1:
        time.sleep(0.002)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    try:
        _, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (130, b"")
