"""What people install."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_the_two_libraries_and_the_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"bpo_model", "bpo_integrations"}
    wanted = [
        "weights/adapter.gguf",
        "weights/bpo.json",
        "weights/manifest.json",
        "weights/README.md",
        "py.typed",
        "function_words.txt",
        "checks/names_in_lower_case.txt",
        "ui/static/index.html",
        "ui/static/app.js",
        "ui/static/app.css",
    ]
    assert [name for name in wanted if f"bpo_model/{name}" not in names] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < 14_000_000


def test_the_base_install_needs_neither_torch_nor_a_compiler() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {requirement.split(">")[0].split("=")[0] for requirement in project["dependencies"]}
    assert names == {"gguf", "huggingface-hub", "platformdirs", "rich", "typer", "xllamacpp"}


def test_every_requirement_is_pinned_in_the_constraints() -> None:
    import tomllib

    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [*project["dependency-groups"].values(), *project["project"]["optional-dependencies"].values()]
    listed = project["project"]["dependencies"] + [item for group in groups for item in group]
    assert {re.split("[>=[]", item)[0].lower() for item in listed} <= pinned
