"""The first day with models, networks, keys and the library: what was wrong, what was got, what to do."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from bpo_model import GatePolicy, LlamaCpp, PromptOptimizer
from bpo_model.base_file import wheel_path
from bpo_model.checkpoint import load_checkpoint
from tests.bpo_model.command import BPO, bpo, shadow, without_weights
from tests.bpo_model.hub_server import hub

ASKED = "how do volcanoes work"


def test_nothing_but_the_package_is_needed_and_the_download_is_announced(tmp_path: Path) -> None:
    base = load_checkpoint().base
    assert base is not None
    env = without_weights(tmp_path)
    file = wheel_path(base)
    if file is None:
        pytest.skip("the wheel with the base weights is not installed")
    with hub(file) as server:
        done = bpo("optimize", ASKED, env={**env, "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": ""})
        assert any(line.startswith("GET ") and line.endswith(base.file) for line in server.asked)
    assert done.stderr.startswith(f"bpo: downloading {base.file} (98 MB) from {base.hub_repo}")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    again = bpo("optimize", ASKED, env={**env, "HF_HUB_OFFLINE": "1"})
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_without_a_network_the_reason_and_three_remedies_are_one_line(tmp_path: Path) -> None:
    done = bpo("optimize", ASKED, env={**without_weights(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert "HF_HUB_OFFLINE is set; unset it" in done.stderr
    assert "pip install --no-deps" in done.stderr


FETCH = """
from bpo_model.hub import fetch_weights
folder = fetch_weights("someone/weights", None)
print(*(file.name for file in folder.iterdir()))
"""


def test_how_much_comes_from_the_hub_is_said_once_and_before(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(150_000_000))
    with hub(tmp_path / "model.safetensors") as server:
        env = {**os.environ, **without_weights(tmp_path), "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": ""}
        env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        command = [sys.executable, "-c", FETCH]
        runs = [subprocess.run(command, env=env, capture_output=True, text=True, check=False) for _ in range(2)]
    assert [run.stdout for run in runs] == ["model.safetensors\n"] * 2
    announced = [[line for line in run.stderr.splitlines() if "downloading" in line] for run in runs]
    assert announced == [["downloading someone/weights (0.1 GB) from the Hugging Face hub"], []]


def test_the_name_of_an_llm_is_told_apart_from_the_optimizer() -> None:
    done = bpo("optimize", "--model", "gpt-4", ASKED)
    assert done.returncode == 1
    assert "It is the model that rewrites, not the LLM that answers." in done.stderr


def test_retries_of_the_hubs_client_are_not_heard(tmp_path: Path) -> None:
    with hub(None, missing=503) as server:
        env = {**os.environ, **without_weights(tmp_path), "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": ""}
        command = [*BPO, "optimize", "--model", "hf:nobody/nothing", ASKED]
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
            while len(server.asked) < 3 and process.poll() is None:  # the third comes after the first pause
                time.sleep(0.02)
            process.kill()
            assert process.stderr is not None
            assert process.stderr.read() == "bpo: looking for nobody/nothing on the Hugging Face hub\n"


def test_a_repository_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with hub(None) as server:
        env = {**without_weights(tmp_path), "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": ""}
        done = bpo("optimize", "--model", "hf:nobody/nothing", ASKED, env=env)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == "bpo: looking for nobody/nothing on the Hugging Face hub"
    assert "RepositoryNotFoundError: there is no such repository, or it is private: `hf auth login`" in second


class Refusing(BaseHTTPRequestHandler):
    """Wants another key."""

    def do_POST(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


def test_a_wrong_key_is_named_by_its_variable_and_never_shown() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1"
        done = bpo("optimize", "--base-url", address, ASKED, env={"OPENAI_API_KEY": "sk-verysecret"})
        server.shutdown()
    assert (done.returncode, done.stdout) == (1, f"{ASKED}\n")
    assert "put the server's key into $OPENAI_API_KEY" in done.stderr
    assert "verysecret" not in done.stderr


def test_a_missing_extra_and_a_missing_requirement_name_the_command(tmp_path: Path) -> None:
    missing = "raise ImportError(\"No module named 'x'\")"
    env = shadow(tmp_path, "openai", missing)
    assert 'pip install "bpo-model[openai]"' in bpo("optimize", "--base-url", "http://x/v1", ASKED, env=env).stderr
    done = bpo("optimize", ASKED, env=shadow(tmp_path, "xllamacpp", missing))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip install --force-reinstall bpo-model" in done.stderr


# The library


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda bpo: bpo.optimize(b"x"), ValueError, "a str or a list of messages, got bytes"),
        (lambda bpo: bpo.optimize(["a", "b"]), ValueError, "for several prompts use optimize_batch"),
        (lambda bpo: bpo.optimize_batch("x"), ValueError, "got one str; use optimize"),
        (lambda bpo: bpo.optimize_batch(None), ValueError, "got NoneType"),
        (lambda bpo: bpo.optimize_batch({"a": 1}), ValueError, "got dict"),
        (lambda bpo: bpo.optimize({"role": "user", "content": "x"}), ValueError, "one message goes into a list"),
        (lambda bpo: bpo.optimize("x", deadline=5), TypeError, "no option 'deadline'; the options of a call are mode"),
        (lambda bpo: bpo.optimize("x", candidates="3"), ValueError, "got '3'"),
        (lambda bpo: type(bpo).from_pretrained("gpt-4"), OSError, "not the LLM that answers"),
        (lambda bpo: type(bpo).from_pretrained(engine="llama_cpp"), TypeError, r"LlamaCpp\(\.\.\.\).*got 'llama_cpp'"),
        (lambda bpo: type(bpo).from_pretrained(engine=LlamaCpp), TypeError, r"LlamaCpp\(\.\.\.\).*got <class"),
        (lambda bpo: type(bpo).from_pretrained(policy={"max_words": 3}), TypeError, r"must be a GatePolicy\(\.\.\.\)"),
        (
            lambda bpo: LlamaCpp(threads=cast(Any, "2")),
            ValueError,
            "threads must be a whole number >= 1 or None, got '2'",
        ),
        (
            lambda bpo: GatePolicy(languages=cast(Any, "en")),
            ValueError,
            r"a tuple of codes such as \('en',\), got 'en'",
        ),
    ],
)
def test_a_wrong_call_says_what_it_got_and_what_to_do(
    call: Callable[[Any], Any], error: type[Exception], said: str, optimizer: PromptOptimizer
) -> None:
    with pytest.raises(error, match=said):
        call(optimizer)


def test_a_huge_prompt_goes_out_at_once(optimizer: PromptOptimizer) -> None:
    huge = "tell me about tea " * 300_000
    result = optimizer.optimize(huge)
    assert (result.text is huge or result.text == huge, result.reason.value) == (True, "too_long")
    assert result.latency_ms < 5000
