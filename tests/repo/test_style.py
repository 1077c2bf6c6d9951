"""Rules that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [
    file
    for package in ("bpo_model", "bpo_integrations", "training", "evals")
    for file in sorted((ROOT / package).rglob("*.py"))
]


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_stays_under_250_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_code_comes_from_data(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    keywords = {word.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords}
    assert names & {"eval", "exec", "compile", "__import__"} == set()
    assert methods & {"system", "popen"} == set()
    assert modules & {"pickle", "marshal", "shelve", "dill"} == set()
    assert keywords & {"shell", "trust_remote_code"} == set()


def test_every_rule_and_check_has_a_name_users_can_find() -> None:
    from bpo_model.contract import CHECKS
    from bpo_model.gate import RULES

    readme = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    missing = [name for name in [*CHECKS, *(reason.value for reason in RULES)] if f"`{name}`" not in readme]
    assert missing == []


def test_the_repository_names_no_machine_it_was_made_on() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(rb"(?<![\w.])/(?:work|root|home/\w+|tmp/\w+)/[\w.-]+/")
    invented = ("evals/torture/cases/",)  # stack traces and commands need paths
    files = [
        ROOT / name
        for name in tracked.stdout.splitlines()
        if not name.endswith((".gguf", "test_style.py")) and not name.startswith(invented)
    ]
    assert [file.name for file in files if file.is_file() and pattern.search(file.read_bytes())] == []
