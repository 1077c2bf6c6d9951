"""The README's code runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADAPTERS = (ROOT / "bpo_integrations" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README + ADAPTERS, re.DOTALL)
TARGETS = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", README, re.MULTILINE))
COMMANDS = sorted(set(re.findall(r"^bpo (\w+)", README, re.MULTILINE)))


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_python_block_runs_with_the_embedded_model(block: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert TARGETS
    assert [target for target in TARGETS if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_exist(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "bpo_model.cli", command, "--help"], capture_output=True, check=False)
    assert done.returncode == 0


def test_links_to_files_work() -> None:
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "bpo_integrations/README.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / document).read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / document).parent.joinpath(link).exists()] == [], document
