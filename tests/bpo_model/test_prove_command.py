"""The command as it is typed: checked first, interrupted, killed, resumed; keys stay secret."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bpo_model.cli import app
from tests.bpo_model.prove_endpoint import Endpoint, code, setup

BPO = [sys.executable, "-m", "bpo_model.cli"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()
    yield served
    served.close()


def test_an_interruption_waits_for_the_calls_on_their_way_and_for_no_other(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.seconds = 0.1

    def interrupt() -> None:
        while endpoint.answered < 4:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    made, thread = setup(endpoint, tmp_path), threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        code(made)
    thread.join()
    assert len(endpoint.sent) <= 12
    assert endpoint.answered == len(endpoint.sent)
    code(made)
    assert len(endpoint.sent) == 80


def command(endpoint: Endpoint, folder: Path, *more: str) -> list[str]:
    """Arguments for the real command, on prompts that the embedded optimizer rewrites."""
    file = folder / "prompts.jsonl"
    topics = ("bread", "paper", "glass", "salt")
    file.write_text("".join(json.dumps(f"how is {one} made") + "\n" for one in topics), "utf-8")
    places = ["--target-url", endpoint.url, "--judge-url", endpoint.url, "--out", str(folder / "run")]
    return ["prove", str(file), *places, "--target-model", "target", "--judge-model", "judge", *more]


def stopped(arguments: list[str], endpoint: Endpoint, answers: int, how: signal.Signals) -> tuple[int, str]:
    """Run the command until so many answers are there, stop it; its exit code, and what it said."""
    running = subprocess.Popen([*BPO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while endpoint.answered < answers:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(how)
    _, said = running.communicate(timeout=30)
    time.sleep(2 * endpoint.seconds)
    return running.returncode, said


def test_killed_and_interrupted_it_goes_on_and_pays_for_nothing_twice(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.seconds = 0.15
    arguments = command(endpoint, tmp_path, "--concurrency", "1")
    assert stopped(arguments, endpoint, 3, signal.SIGKILL)[0] == -signal.SIGKILL
    killed = len(endpoint.sent)
    code, said = stopped(arguments, endpoint, 6, signal.SIGINT)
    assert code == 130
    assert "Everything so far is kept; the same command goes on." in said
    interrupted = len(endpoint.sent)
    assert interrupted < 14
    endpoint.seconds = 0.0
    done = subprocess.run([*BPO, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 4, 5}, done.stderr
    calls = [json.dumps(body) for body in endpoint.sent]
    # A kill loses the calls on their way, here one to each model; an interruption waits for them.
    assert len(calls[killed:]) - len(set(calls[killed:]) - set(calls[:killed])) <= 2
    assert len(calls[interrupted:]) == len(set(calls[interrupted:]) - set(calls[:interrupted]))


def test_on_a_terminal_it_asks_before_money_is_spent(endpoint: Endpoint, tmp_path: Path) -> None:
    prices = ("--n", "1", "--target-price", "1", "2", "--judge-price", "1", "2")
    ours, its = pty.openpty()
    with subprocess.Popen([*BPO, *command(endpoint, tmp_path, *prices)], stdin=its, stdout=its, stderr=its) as asking:
        os.close(its)
        said = b""
        while b"Go on?" not in said:
            said += os.read(ours, 1000)
        os.write(ours, b"n\n")
        assert asking.wait(timeout=20) == 3
    os.close(ours)
    assert b"about $0.0" in said
    assert endpoint.sent == []


def test_the_command_line_is_checked_before_anything_is_loaded(endpoint: Endpoint, tmp_path: Path) -> None:
    wrong = {
        ("--max-usd", "1"): "--max-usd needs",
        ("--judge-params", "[]"): "must be an object",
        ("--target-params", "{"): "is not JSON",
        ("--judge-key-env", "NO_SUCH_KEY"): "$NO_SUCH_KEY is not set",
    }
    for given, message in wrong.items():
        done = CliRunner().invoke(app, command(endpoint, tmp_path, *given), env={"TERMINAL_WIDTH": "200"})
        assert done.exit_code == 2
        assert message in done.output
    assert endpoint.sent == []


def test_keys_reach_their_endpoints_and_no_file(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-quite-secret-4711"
    monkeypatch.setenv("KEY", secret)
    given = ("--n", "2", "--target-key-env", "KEY", "--judge-key-env", "KEY", "--target-params", '{"top_k": 3}')
    done = CliRunner().invoke(app, command(endpoint, tmp_path, *given))
    assert done.exit_code == 5
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert len(files) == 7
    assert not any(secret.encode() in file.read_bytes() for file in files)
    assert secret not in done.output
    assert {(body["temperature"], body.get("top_k")) for body in endpoint.sent} == {(0, 3), (0, None)}
    assert set(endpoint.keys) == {f"Bearer {secret}"}
