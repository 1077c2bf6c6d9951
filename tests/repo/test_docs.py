"""The site builds, leads nowhere that is not there, and says everything that it must say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bpo_model
from bpo_model.contract import CHECKS, verify

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
NAV = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(NAV) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_of_the_checkout(page: str) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", PAGES[page])
    assert [link for link in links if not (DOCS / page).parent.joinpath(link).exists()] == []


def test_every_example_is_shown() -> None:
    shown = re.findall(r'--8<-- "([^"]+)"', "".join(PAGES.values()))
    assert [path for path in shown if not (ROOT / path).exists()] == []
    examples = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert examples - set(shown) == {"examples/local_llm.py", "examples/local_embedding.py"}


def test_the_page_of_the_contract_has_every_check_and_its_example_is_true() -> None:
    page = PAGES["contract.md"]
    assert [name for name in CHECKS if not re.search(rf"\b{name}\b", page)] == []
    original, candidate, said = re.findall(r'verify\("([^"]+)", "([^"]+)"\).*?# ([^\n]+)', page, re.DOTALL)[0]
    assert said in [f"{violation.check} {violation.detail}" for violation in verify(original, candidate)]


def test_the_reference_has_every_public_name_and_adapter() -> None:
    core, adapters = PAGES["reference/core.md"], PAGES["reference/adapters.md"]
    assert [name for name in bpo_model.__all__ if not re.search(rf"^::: \S+\.{name}$", core, re.MULTILINE)] == []
    modules = {path.stem for path in (ROOT / "bpo_integrations").glob("[a-z]*")} - {"loading", "step", "py"}
    assert modules == set(re.findall(r"^::: bpo_integrations\.(\w+)$", adapters, re.MULTILINE))


def test_the_site_builds_without_a_warning_and_asks_no_other_host(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings", reason="needs the group docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)  # and 404.html
    asked = re.compile(r'(?:src|<link[^>]+href)="?https?://[^"> ]+')
    assert {found for page in pages for found in asked.findall(page.read_text(encoding="utf-8"))} == set()
    assert "verify_prompt" in (tmp_path / "reference" / "core.html").read_text(encoding="utf-8")
