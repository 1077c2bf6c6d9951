"""The example runs as it is printed, with the embedded model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dspy")

from bpo_model import PromptOptimizer

EXAMPLE = Path(__file__).parents[3] / "examples" / "dspy_program.py"
ASK = "best laptop under $800 for college"


def test_the_example_shows_what_the_lm_was_asked(optimizer: PromptOptimizer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, ASK],
        cwd=tmp_path, env={**os.environ, "DSPY_CACHEDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert shown["asked"].strip() == ASK
    assert shown["sent"].strip() == optimizer.optimize(ASK).text != ASK
    assert "bpo/bpo-smollm2-135m" in shown["tokens"]
    assert "answer the question" in shown["instructions"].lower()


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 60
