"""python -m evals.opro against a real server: killed, resumed, within its budget, and compared with BPO."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from evals.opro.__main__ import main
from evals.quality.endpoint import serve_base
from evals.quality.tasks import FILE as TASKS
from evals.winrate.cli import main as compare

ROOT = Path(__file__).parents[2]
MODEL = """
[{name}]
base_url = "{url}"
model = "{name}"
api_key_env = "OPRO_TEST_KEY"
price_in = {price}
price_out = {price}
concurrency = 4
"""
SECRET = "sk-quite-secret-0815"
WORDS = ("briefly", "exactly", "kindly", "plainly")


class Endpoint:
    """Three models: `target` writes more for every good word, `proposer` adds one, `judge` likes what is longer."""

    def __init__(self) -> None:
        endpoint, self.lock = self, Lock()
        self.calls: list[tuple[str, str]] = []
        self.refuses = "\0"

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = endpoint.reply(body["model"], body["messages"][-1]["content"])
                time.sleep(0.01)
                message = {"role": "assistant", "content": text}
                reply = {
                    "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
                }  # fmt: skip
                refused = endpoint.refuses in body["messages"][-1]["content"]
                data = json.dumps({"error": {"message": "filtered"}} if refused else reply).encode()
                self.send_response(400 if refused else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed breaks its connections off."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def reply(self, model: str, text: str) -> str:
        with self.lock:
            number = self.count("proposer")
            self.calls.append((model, text))
        if model == "target":
            return "About" + " more" * sum(word in text for word in WORDS) + text[-20:]
        if model == "proposer":
            tried = text.split("Here are some of")[0].strip().rpartition("score ")[2].partition(":\n")[2]
            return f"<instruction>{tried} {WORDS[number % 4]}</instruction>"
        first, second = (part.split(">>>\n", 1)[1].split("\n<<<END")[0] for part in text.split("<<<ANSWER ")[1:])
        return "[[A]]" if len(first) > len(second) else "[[B]]"

    def count(self, model: str) -> int:
        return sum(asked == model for asked, _ in self.calls)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("OPRO_TEST_KEY", SECRET)
    served = Endpoint()
    yield served
    served.http.shutdown()
    served.http.server_close()


def command(folder: Path, endpoint: Endpoint, *more: str, price: str = "2.5") -> list[str]:
    url = f"http://127.0.0.1:{endpoint.http.server_port}/v1"
    names = ("target", "proposer", "judge")
    models, prompts = folder / "models.toml", folder / "mine.jsonl"
    models.write_text("".join(MODEL.format(name=name, url=url, price=price) for name in names), encoding="utf-8")
    rows = [{"prompt": f"tell me about topic {n}", "category": ("Open QA", "math")[n % 2]} for n in range(14)]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    what = ["--set", str(prompts), "--models", str(models), "--target", "target", "--proposer", "proposer"]
    return [*what, "--judge", "judge", "--steps", "2", "--per-step", "2", "--out", str(folder / "run"), *more]


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))
    return found


def test_a_search_is_killed_resumed_and_written_whole(endpoint: Endpoint, tmp_path: Path) -> None:
    arguments = command(tmp_path, endpoint)
    running = subprocess.Popen([sys.executable, "-m", "evals.opro", *arguments], cwd=ROOT)
    while endpoint.count("judge") < 10:
        assert running.poll() is None
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "run" / "result.json").exists()
    time.sleep(0.2)
    before = len(endpoint.calls)
    assert main(arguments) == 0
    found = result(tmp_path)
    kept = (tmp_path / "run" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    assert found["cost"]["calls"] == len(kept)
    twice = len(endpoint.calls) - len(kept)
    assert twice <= 8  # four for each of two endpoints may have been on their way when it was killed
    assert sum(model != "proposer" for model, _ in set(endpoint.calls)) == len(kept) - 4
    assert before < len(endpoint.calls)
    (one,) = found["searches"]
    assert (one["score"]["score"], one["trajectory"][0]["score"]) == (1.0, 0.5)
    assert any(word in one["instruction"] for word in WORDS)
    assert one["held_out"]["found"] == 1.0
    assert one["held_out"]["plain"] == 0.5
    assert one["held_out"]["n"] + one["score"]["n"] == 14
    assert found["cost"]["usd"] == pytest.approx(len(kept) * 20 * 2.5 / 1e6)
    calls, text = len(endpoint.calls), (tmp_path / "run" / "result.json").read_bytes()
    assert main(arguments) == 0
    assert len(endpoint.calls) == calls
    assert (tmp_path / "run" / "result.json").read_bytes() == text
    for written in (tmp_path / "run").rglob("*.json*"):
        assert SECRET not in written.read_text(encoding="utf-8")


def test_the_arm_is_compared_with_bpo_on_prompts_the_search_has_not_seen(endpoint: Endpoint, tmp_path: Path) -> None:
    assert main(command(tmp_path, endpoint, "--by-category")) == 0
    held = sorted((tmp_path / "run" / "held_out").iterdir())
    assert [file.name for file in held] == ["Open_QA.jsonl", "math.jsonl"]
    searched = {sha for one in result(tmp_path)["searches"] for sha in one["searched"]}
    rows = [json.loads(line) for file in held for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(searched) + len(rows) == 14
    what = ["--models", str(tmp_path / "models.toml"), "--target", "target", "--judge", "judge"]
    where = ["--limit", "1", "--out", str(tmp_path / "compared")]
    before = len(endpoint.calls)
    assert compare(["run", f"opro:{tmp_path / 'run' / 'result.json'}", *what, *where]) == 0
    asked = [text for model, text in endpoint.calls[before:] if model == "target"]
    by_category = {one["category"]: one["instruction"] for one in result(tmp_path)["searches"]}
    expected = {f"{by_category[row['category']]}\n{row['prompt']}" for row in rows}
    with_instruction = [text for text in asked if any(text.startswith(one) for one in by_category.values())]
    assert len(with_instruction) == 2
    assert set(with_instruction) <= expected
    report = (tmp_path / "compared" / "report.md").read_text(encoding="utf-8")
    assert all(name in report for name in ("target+opro vs target+none", "target+bpo vs target+opro", "Open_QA"))
    with pytest.raises(ExceptionGroup) as seen:
        compare([
            "run", f"opro:{tmp_path / 'run' / 'result.json'}", *what, "--sets", str(tmp_path / "mine.jsonl"),
            "--out", str(tmp_path / "seen"),
        ])  # fmt: skip
    assert "prompts were searched on" in str(seen.value.exceptions[0])


def test_a_budget_stops_the_search_and_nothing_is_written_but_calls(
    endpoint: Endpoint, tmp_path: Path, capsys: Any
) -> None:
    dear = command(tmp_path, endpoint, "--max-usd", "0.2", price="1000")
    assert main(dear) == 2
    assert "the same command goes on" in capsys.readouterr().err
    assert 10 <= len(endpoint.calls) <= 10 + 12  # each costs 0.02; four for each of three endpoints may be on their way
    assert not (tmp_path / "run" / "result.json").exists()
    assert main(command(tmp_path, endpoint, "--max-calls", "5")) == 2


def test_a_request_that_was_refused_is_not_made_again(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.refuses = "topic 3"
    arguments = command(tmp_path, endpoint, "--steps", "1")
    assert main(arguments) == 0
    assert result(tmp_path)["cost"]["refused"] > 0
    calls = len(endpoint.calls)
    assert main(arguments) == 0
    assert len(endpoint.calls) == calls


def test_a_plan_needs_neither_key_nor_network(tmp_path: Path, endpoint: Endpoint, capsys: Any) -> None:
    assert main(command(tmp_path, endpoint, "--plan")) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    main(command(tmp_path, endpoint))
    (one,) = result(tmp_path)["searches"]
    train, held = one["score"]["n"], one["held_out"]["n"]
    assert " 4 calls" in lines["proposer"]
    assert f" {5 * train + 2 * held + 14} calls" in lines["target"]
    assert f" {2 * (5 * train + 2 * held)} calls" in lines["judge"]
    assert all(endpoint.count(role) <= int(lines[role].split()[2].replace(",", "")) for role in ("target", "judge"))


def test_misuse_is_named(tmp_path: Path, endpoint: Endpoint, capsys: Any) -> None:
    with pytest.raises(ValueError, match="steps and per_step must be 1 or more, got 0 and 2"):
        main(command(tmp_path, endpoint, "--steps", "0"))
    with pytest.raises(ValueError, match="both need some"):
        main(command(tmp_path, endpoint, "--train-share", "0"))
    with pytest.raises(SystemExit):
        main(command(tmp_path, endpoint, "--set", str(TASKS)))
    assert "rows with checks need no --judge" in capsys.readouterr().err
    mixed = tmp_path / "mixed.jsonl"
    check = {"name": "number", "args": {"value": 4}}
    mixed.write_text(json.dumps([{"prompt": "2 + 2", "check": check}, {"prompt": "hi"}]), encoding="utf-8")
    arguments = [argument for argument in command(tmp_path, endpoint, "--set", str(mixed)) if argument != "judge"]
    arguments.remove("--judge")
    with pytest.raises(ValueError, match="1 of 2 rows have no check, such as mixed/1"):
        main(arguments)
    assert endpoint.calls == []


def test_a_small_search_with_the_embedded_model(tmp_path: Path) -> None:
    rows = TASKS.read_text(encoding="utf-8").splitlines()[:4]
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with serve_base() as url:
        models = tmp_path / "models.toml"
        models.write_text(
            f'[base]\nbase_url = "{url}"\nmodel = "base"\nprice_in = 0\nprice_out = 0\nconcurrency = 1\n'
            "params = {max_tokens = 6}\n",
            encoding="utf-8",
        )
        arguments = ["--set", str(tasks), "--models", str(models), "--target", "base", "--train-share", "0.5"]
        assert main([*arguments, "--steps", "1", "--per-step", "1", "--out", str(tmp_path / "run")]) == 0
    found = result(tmp_path)
    (one,) = found["searches"]
    assert found["metric"] == "checked"
    assert len(one["trajectory"]) + sum(one["refused"].values()) == 1 + 1
    assert all(0 <= scored["score"] <= 1 and scored["n"] == len(one["searched"]) for scored in one["trajectory"])
    assert (found["cost"]["usd"], found["cost"]["refused"]) == (0, 0)
    assert found["cost"]["tokens_out"] > 0
