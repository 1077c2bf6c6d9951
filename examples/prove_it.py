"""Does rewriting help your model? `bpo prove` with a target and a judge; here both are the small local one.

    pip install "bpo-model[prove]"
    python examples/prove_it.py

A judge of 135 million parameters cannot judge: expect that its verdicts cannot be read, and that the command says so.
Put your endpoints in its place: --target-url, --target-model, --target-key-env, and the same for the judge.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from local_llm import local_llm

PROMPTS = ["how do volcanoes work", "best way to learn chess", "why do cats purr", "facts about volcanoes"]
MEANS = {0: "keep it", 4: "switch it off", 5: "more prompts are needed", 3: "no verdict: the judge is unfit for this"}


def main() -> None:
    """Ask for a verdict and say what the exit code means."""
    with tempfile.TemporaryDirectory() as folder, local_llm() as url:
        prompts = Path(folder, "prompts.txt")
        prompts.write_text("\n".join(PROMPTS), encoding="utf-8")
        command = [sys.executable, "-m", "bpo_model", "prove", str(prompts), "--out", f"{folder}/run", "--yes"]
        for role in ("target", "judge"):
            command += [f"--{role}-url", url, f"--{role}-model", "local", f"--{role}-params", '{"max_tokens": 40}']
        done = subprocess.run(command, check=False)
        print("exit code", done.returncode, "means:", MEANS.get(done.returncode, "it failed"))
        print("the report is one file:", Path(folder, "run", "report.html").stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
