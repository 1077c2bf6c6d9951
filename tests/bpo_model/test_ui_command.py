"""`bpo ui` as a user types it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

BPO = [sys.executable, "-m", "bpo_model.cli"]


def test_the_command_names_the_extra_that_is_missing() -> None:
    code = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "starlette" else found(name, *rest)
from bpo_model.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code, "ui", "--no-open"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'pip install "bpo-model[ui]"' in done.stderr.replace("\n", " ")


def test_the_command_serves_says_where_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    command = [*BPO, "ui", "--no-open", "--port", "0", "--feedback", str(tmp_path / "f.jsonl")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = process.stderr.readline() + process.stderr.readline()
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", said)
    assert f"stored in {tmp_path / 'f.jsonl'}" in said
    about = httpx.get(f"{url}api/about").json()
    assert (about["model"], about["llm"]) == ("bpo-smollm2-135m", None)
    prompt = {"prompt": "how do volcanoes work"}
    rewritten = httpx.post(f"{url}api/rewrite", json=prompt, headers={"origin": url.rstrip("/")}).json()
    assert (rewritten["changed"], "volcanoes" in rewritten["text"]) == (True, True)
    taken = subprocess.run(
        [*BPO, "ui", "--no-open", "--port", url.strip("/").rpartition(":")[2]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (taken.returncode, "0 takes a free one" in taken.stderr.replace("\n", " ")) == (1, True)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stderr.read().strip() == "bpo ui: ended"
    process.stderr.close()
