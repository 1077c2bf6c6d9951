"""The tutorial from users' decisions to an optimizer runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.heavy
def test_what_users_keep_becomes_an_optimizer(tiny_base: Path) -> None:
    command = [sys.executable, "examples/own_optimizer.py", "--steps", "2", "--base", str(tiny_base)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    before, after = re.findall(r"validation loss: ([\d.]+) before, ([\d.]+) after", done.stdout)[0]
    assert float(after) < float(before)
