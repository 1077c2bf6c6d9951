"""The real proxy, in a process of its own, in front of a recording server."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

AUTH = """\
from litellm.proxy._types import UserAPIKeyAuth


async def check(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, metadata={"bpo": "off"} if api_key == "sk-off" else {})
"""
FAKE = """\
from bpo_integrations.litellm import BPOCallback
from bpo_model.testing import FakeOptimizer


def rewrite(text):
    if "war" in text:
        raise RuntimeError("the model broke")
    return f"{text} Please explain your answer."


bpo = BPOCallback(FakeOptimizer(rewrite), deadline_ms=60_000)
"""
Start = Callable[[str], str]
MASTER_KEY = f"sk-{secrets.token_hex(32)}"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a proxy with the text of a configuration; gives its address."""
    running: list[subprocess.Popen[Any]] = []

    def begin(configuration: str) -> str:
        folder = tmp_path_factory.mktemp("gateway")
        for name, text in {"gateway_auth.py": AUTH, "fake_bpo.py": FAKE}.items():
            (folder / name).write_text(text, encoding="utf-8")
        config = folder / "config.yaml"
        config.write_text(configuration, encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(Path(sys.executable).parent / "litellm"), "--config", str(config), "--port", str(port)]
        own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": MASTER_KEY, "OPENAI_API_KEY": "unused"}
        with (folder / "log").open("wb") as log:
            where: Any = {"cwd": folder, "env": {**os.environ, **own}, "stdout": log, "stderr": log}
            running.append(subprocess.Popen([*command, "--host", "127.0.0.1"], **where))
        _wait_for(port, running[-1], folder / "log")
        return f"http://127.0.0.1:{port}"

    yield begin
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait(20)


@pytest.fixture(scope="session")
def master_key() -> str:
    return MASTER_KEY


def _wait_for(port: int, process: Any, log: Path) -> None:
    """Until the proxy accepts connections."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])
