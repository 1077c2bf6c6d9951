"""The tutorial that proves runs and says what it shows; the others are tested beside what they show."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.heavy
def test_proving_ends_with_a_verdict_that_is_explained() -> None:
    pytest.importorskip("openai")
    command = [sys.executable, "examples/prove_it.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "exit code 3 means: no verdict" in done.stdout
    assert "the report is one file" in done.stdout
