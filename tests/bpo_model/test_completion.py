"""Completion is Typer's own; here a real bash asks it, key by key."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bpo_model.command import bpo

SCRIPTS = Path(sys.executable).parent
PROMPT = "ready> "


class Shell:
    """An interactive bash on a terminal, with the completion of `bpo` loaded."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.read_until(PROMPT)

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def read_until(self, wanted: str) -> str:
        """What is shown up to these words."""
        seen, end = "", time.monotonic() + 20
        while wanted not in seen:
            assert select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0], f"only {seen!r}"
            seen += os.read(self._terminal, 4096).decode()
        return seen

    def completed(self, typed: str, wanted: str) -> str:
        """The line after TAB; it is given up afterwards."""
        self.type(f"{typed}\t")
        seen = self.read_until(wanted)
        self.type("\x15\r")
        self.read_until(PROMPT)
        return seen

    def offered(self, typed: str, last: str) -> set[str]:
        """What TAB TAB offers."""
        return set(re.findall(r"[\w-]+", self.completed(f"{typed}\t", last).removeprefix(typed)))


@contextmanager
def bash(folder: Path) -> Iterator[Shell]:
    ours, theirs = pty.openpty()
    start = folder / "bashrc"
    start.write_text(
        f"PS1='{PROMPT}'\nbind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n"
        "source <(_BPO_COMPLETE=source_bash bpo)\n",
        encoding="utf-8",
    )
    env = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "TERM": "dumb", "INPUTRC": "/dev/null"}
    command = ["bash", "--noprofile", "--rcfile", str(start), "-i"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=env, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            yield Shell(ours)
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.skipif(
    not (shutil.which("bash") and (SCRIPTS / "bpo").is_file()), reason="needs bash and the installed command"
)
def test_bash_completes_commands_options_values_and_files(tmp_path: Path) -> None:
    (tmp_path / "conversation.json").touch()
    with bash(tmp_path) as shell:
        assert "bpo optimize " in shell.completed("bpo opt", "optimize ")
        assert "--deadline-ms " in shell.completed("bpo optimize --dead", "--deadline-ms ")
        assert "--engine transformers " in shell.completed("bpo optimize --engine tr", "transformers ")
        assert "--mode aggressive " in shell.completed('bpo optimize "don\'t panic" --mode agg', "aggressive ")
        assert "conversation.json " in shell.completed("bpo optimize --messages conv", "conversation.json ")
        assert {"info", "clear"} <= shell.offered("bpo cache ", "info")
        assert {"optimize", "doctor", "info", "prove", "ui", "mcp", "cache"} <= shell.offered("bpo ", "ui")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_gets_a_script(shell: str) -> None:
    script = bpo(env={"_BPO_COMPLETE": f"source_{shell}"})
    assert script.returncode == 0
    assert "_BPO_COMPLETE" in script.stdout
