"""Who may import whom, and what importing the packages may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "bpo_model": {"bpo_model"},
    "bpo_integrations": {"bpo_integrations", "bpo_model"},
    "training": {"training", "bpo_model"},
    "evals": {"evals", "bpo_integrations", "bpo_model"},
}
HEAVY = (
    "torch",
    "transformers",
    "openai",
    "langchain",
    "langchain_core",
    "llama_index",
    "dspy",
    "xllamacpp",
    "huggingface_hub",
    "numpy",
)
FILES = [file for package in ALLOWED for file in sorted((ROOT / package).rglob("*.py"))]


def imported(file: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in the file."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in found}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_in_the_allowed_direction(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    assert imported(file) & (set(ALLOWED) | {"tests"}) <= ALLOWED[package]


def test_importing_the_libraries_loads_nothing_heavy() -> None:
    code = "import sys, bpo_model, bpo_integrations, bpo_model.testing; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} & set(HEAVY) == set()


def test_training_and_evals_are_this_checkouts() -> None:
    import evals
    import training

    assert Path(training.__file__).parents[1] == ROOT
    assert Path(evals.__file__).parents[1] == ROOT
