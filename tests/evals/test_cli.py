"""The commands: planning without a key, running against a real server, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from evals.winrate.cli import main

MODELS = """
[target]
base_url = "{url}"
model = "some-model"
api_key_env = "{key}"
price_in = {price}
price_out = {price}
concurrency = 4
[judge]
base_url = "{url}"
model = "some-judge"
api_key_env = "{key}"
price_in = {price}
price_out = {price}
concurrency = 4
"""
SECRET = "sk-quite-secret-4711"


class Endpoint:
    """Answers with the prompt, and judges for the longer answer; takes its time."""

    def __init__(self, seconds: float) -> None:
        endpoint = self
        self.calls: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.calls.append(json.dumps(body))
                time.sleep(seconds)
                text = body["messages"][-1]["content"]
                answer = "[[A]]" if body["model"] == "some-judge" else f"About {text[:200]}"
                message = {"role": "assistant", "content": answer}
                reply = {
                    "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
                }  # fmt: skip
                data = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint(0.02)
    yield served
    served.http.shutdown()
    served.http.server_close()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(f"tell me about topic {n}") + "\n" for n in range(40)), encoding="utf-8")
    return file


def models(folder: Path, url: str = "http://127.0.0.1:9/v1", price: str = "2.5", key: str = "TEST_KEY") -> Path:
    file = folder / "models.toml"
    file.write_text(MODELS.format(url=url, price=price, key=key), encoding="utf-8")
    return file


def command(kind: str, prompts: Path, file: Path, *more: str) -> list[str]:
    what = ["controls", "--rows", "static-suffix", "--sets", str(prompts), "--models", str(file)]
    return [kind, *what, "--target", "target", "--judge", "judge", *more]


def test_a_plan_needs_neither_key_nor_network(prompts: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(command("plan", prompts, models(tmp_path))) == 0
    out = capsys.readouterr().out
    assert "1 comparisons of 40 items" in out
    assert "160 calls" in out  # 40 prompts twice, and 40 pairs in both orders


def test_an_unknown_price_is_unknown_and_not_0(prompts: Path, tmp_path: Path, capsys: Any) -> None:
    file = models(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace("price_out = 2.5", "", 1), encoding="utf-8")
    main(command("plan", prompts, file))
    assert "USD unknown" in capsys.readouterr().out


def test_the_papers_numbers_need_no_run(capsys: Any) -> None:
    assert main(["report", "--against", "paper"]) == 0
    assert "70 of 70" in capsys.readouterr().out


def test_a_run_is_killed_resumed_and_reported(
    endpoint: Endpoint, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)
    file = models(tmp_path, f"http://127.0.0.1:{endpoint.http.server_port}/v1")
    arguments = command("run", prompts, file, "--out", str(tmp_path / "run"))
    running = subprocess.Popen([sys.executable, "-m", "evals", *arguments], cwd=Path(__file__).parents[2])
    while len(endpoint.calls) < 30:
        assert running.poll() is None
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(0.2)
    before = len(endpoint.calls)
    assert main(arguments) == 0
    assert 30 <= before < 160
    assert len(set(endpoint.calls)) == 160
    assert len(endpoint.calls) <= 160 + 8  # those on their way when it was killed
    first = (tmp_path / "run" / "report.json").read_text(encoding="utf-8")
    calls = len(endpoint.calls)
    assert main(arguments) == 0
    assert len(endpoint.calls) == calls
    assert json.loads(first)["comparisons"] == json.loads((tmp_path / "run" / "report.json").read_text())["comparisons"]
    for written in (tmp_path / "run").iterdir():
        assert SECRET not in written.read_text(encoding="utf-8")


def test_a_budget_stops_the_run(
    endpoint: Endpoint, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)
    file = models(tmp_path, f"http://127.0.0.1:{endpoint.http.server_port}/v1", price="1000")
    assert main(command("run", prompts, file, "--out", str(tmp_path / "run"), "--max-usd", "0.2")) == 2
    assert "the same command goes on" in capsys.readouterr().err
    assert 10 <= len(endpoint.calls) <= 10 + 8  # each costs 0.02, and eight may be on their way


def test_a_wrong_alias_is_named(prompts: Path, tmp_path: Path) -> None:
    arguments = command("plan", prompts, models(tmp_path))
    with pytest.raises(ValueError, match="no model 'nobody'; known: judge, target"):
        main([*arguments, "--judge", "nobody"])
    broken = tmp_path / "broken.toml"
    broken.write_text('[x]\nbase_url = "http://x"\nprize = 1\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"\[x\]: unknown \['prize'\], missing \['model'\]"):
        main(command("plan", prompts, broken))
