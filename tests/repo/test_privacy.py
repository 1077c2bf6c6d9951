"""What users trust us with stays with them: no network unless asked for, no prompt in a log, no key in an object."""

import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bpo_integrations.step import RewriteStep
from bpo_model import OpenAICompatible, PromptOptimizer
from bpo_model.testing import FakeOptimizer

ROOT = Path(__file__).parents[2]
PROMPT = "tell me about my neighbour Ottoline Vexley"
NO_NETWORK = f"""
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError(f"network: {{args}}")

real = socket.socket.connect
def connect(self, address):
    if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"):
        return real(self, address)  # the engine inside of this process has a port of its own
    refuse(address)

socket.socket.connect = connect
socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda host, *rest, **more: refuse(host) if host not in ("127.0.0.1", "localhost") else []
import bpo_model, bpo_integrations, bpo_integrations.step, bpo_model.testing
from bpo_model import PromptOptimizer
result = PromptOptimizer.from_pretrained().optimize({PROMPT!r})
print(result.reason.value)
"""


def test_neither_import_nor_rewriting_uses_the_network() -> None:
    done = subprocess.run([sys.executable, "-c", NO_NETWORK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"rewritten", "unchanged"}


def test_no_prompt_is_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    class Quoting(FakeOptimizer):
        def optimize(self, prompt: Any, **options: Any) -> Any:
            raise RuntimeError(f"cannot rewrite {prompt!r}")

        def optimize_batch(self, prompts: Any, **options: Any) -> Any:
            raise RuntimeError(f"cannot rewrite {prompts!r}")

    with caplog.at_level(logging.INFO):
        PromptOptimizer.from_pretrained().optimize(PROMPT)
        result = RewriteStep(Quoting()).result(PROMPT)
    assert result.text == PROMPT
    assert "RuntimeError" in caplog.text
    assert "Ottoline" not in caplog.text
    with caplog.at_level(logging.DEBUG):
        RewriteStep(Quoting()).result(PROMPT)
    assert "Ottoline" in caplog.text  # whoever asks for everything gets it


def test_settings_hold_the_name_of_a_key_and_not_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-0815")
    settings = OpenAICompatible(base_url="http://127.0.0.1:9/v1", model="m")
    written = [repr(settings).encode(), pickle.dumps(settings)]
    assert all(b"sk-very-secret-0815" not in text for text in written)
