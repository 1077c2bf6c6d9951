"""A checkpoint is read whole, or refused with the name of the file, what is wrong, and the remedy."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bpo_model import PromptOptimizer
from bpo_model.base_file import PATH_VARIABLE
from bpo_model.checkpoint import EMBEDDED, FORMAT, load_checkpoint
from bpo_model.config import GatePolicy, LengthBudget
from bpo_model.errors import BPOError, ModelLoadError

WEIGHTS, ADAPTER = b"base weights", b"adapter weights"
REQUIRED = ["format", "name", "base", "template", "context_tokens"]


def settings() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": "tiny",
        "base": {
            "file": "tiny.gguf",
            "size": len(WEIGHTS),
            "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
            "wheel": "tiny-weights==1.0",
            "module": "bpo_test_wheel_that_is_not_installed",
            "hub_repo": "someone/tiny-weights",
            "hub_revision": "0123456789abcdef",
        },
        "adapter": {
            "file": "adapter.gguf",
            "size": len(ADAPTER),
            "sha256": hashlib.sha256(ADAPTER).hexdigest(),
        },
        "template": "user: {prompt}\nassistant:",
        "context_tokens": 512,
        "gate": {"languages": ["en", "de"], "max_words": 100, "skip_math": False},
        "length": {"factor": 3.0, "extra_words": 10},
    }


def save(folder: Path, data: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bpo.json").write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good checkpoint with all of its files."""
    folder = save(tmp_path / "checkpoint", settings())
    (folder / "adapter.gguf").write_bytes(ADAPTER)
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS)
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "tiny.gguf"))
    monkeypatch.setattr("bpo_model.base_file.user_cache_path", lambda name: tmp_path / "cache")
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_everything_in_the_file_is_read(kind: type[str] | type[Path], folder: Path) -> None:
    checkpoint = load_checkpoint(kind(folder))
    data = settings()
    assert (checkpoint.name, checkpoint.folder) == ("tiny", folder)
    assert checkpoint.base
    assert (checkpoint.base.file, checkpoint.base.size) == ("tiny.gguf", len(WEIGHTS))
    assert checkpoint.adapter == folder / "adapter.gguf"
    assert (checkpoint.adapter_size, checkpoint.adapter_sha256) == (len(ADAPTER), data["adapter"]["sha256"])
    assert checkpoint.template.text == data["template"]
    assert checkpoint.context_tokens == 512
    assert checkpoint.policy == GatePolicy(languages=("en", "de"), max_words=100, skip_math=False)
    assert checkpoint.length == LengthBudget(factor=3.0, extra_words=10)


@pytest.mark.parametrize("name", [None, "default"])
def test_no_name_means_the_embedded_checkpoint(name: str | None) -> None:
    checkpoint = load_checkpoint(name)
    assert checkpoint.folder == EMBEDDED
    assert checkpoint.name


def test_policy_and_budget_have_defaults(folder: Path) -> None:
    data = settings()
    del data["gate"], data["length"]
    checkpoint = load_checkpoint(save(folder, data))
    assert checkpoint.policy == GatePolicy()
    assert checkpoint.length == LengthBudget()


@pytest.mark.parametrize("adapter", [None, {}, {"file": "", "size": 0, "sha256": ""}])
def test_a_checkpoint_may_have_no_adapter(adapter: object, folder: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(save(folder, {**settings(), "adapter": adapter}))
    assert checkpoint.adapter is None
    assert checkpoint.find_files() == (tmp_path / "tiny.gguf", None)


def test_an_adapter_that_is_not_mentioned_is_none(folder: Path) -> None:
    data = settings()
    del data["adapter"]
    assert load_checkpoint(save(folder, data)).adapter is None


def test_text_outside_ascii_is_read(folder: Path) -> None:
    data = {**settings(), "name": "größer", "template": "问题：{prompt}\n"}
    folder.joinpath("bpo.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    checkpoint = load_checkpoint(folder)
    assert (checkpoint.name, checkpoint.template.text) == ("größer", "问题：{prompt}\n")


# What is refused


@pytest.mark.parametrize("name", ["nowhere", "nowhere/else", ""])
def test_a_missing_folder_is_refused_with_the_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelLoadError) as caught:
        load_checkpoint(name)
    assert "no checkpoint at" in str(caught.value)
    assert name in str(caught.value)
    assert "training.sft" in str(caught.value)
    assert "Leave the name out for the embedded default" in str(caught.value)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"no checkpoint at .*expected a folder with a bpo\.json"):
        load_checkpoint(tmp_path)


def test_the_file_itself_is_not_the_folder(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="no checkpoint at"):
        load_checkpoint(folder / "bpo.json")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bpo.json").mkdir()
    with pytest.raises(ModelLoadError, match="no checkpoint at"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "not JSON", "[]", "null", "7", '"text"', '{"format": 1'])
def test_broken_json_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        ModelLoadError, match=r"bpo\.json is not a usable bpo\.json: .*Write it again with training\.sft"
    ):
        load_checkpoint(save(tmp_path, text))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bpo.json").write_bytes(b'{"name": "caf\xe9"}')
    with pytest.raises(ModelLoadError, match="is not a usable"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    data = settings()
    del data[key]
    with pytest.raises(ModelLoadError, match=rf"KeyError\('{key}'\).*training\.sft"):
        load_checkpoint(save(tmp_path, data))


@pytest.mark.parametrize("key", list(settings()["base"]))
def test_a_missing_key_of_the_base_is_named(key: str, tmp_path: Path) -> None:
    data = settings()
    del data["base"][key]
    with pytest.raises(ModelLoadError, match=key):
        load_checkpoint(save(tmp_path, data))


@pytest.mark.parametrize("key", ["size", "sha256"])
def test_a_missing_key_of_the_adapter_is_named(key: str, tmp_path: Path) -> None:
    data = settings()
    del data["adapter"][key]
    with pytest.raises(ModelLoadError, match=rf"KeyError\('{key}'\)"):
        load_checkpoint(save(tmp_path, data))


@pytest.mark.parametrize("number", [0, 2, 99, "1", None, [1]])
def test_another_format_is_refused_with_the_remedy(number: object, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load_checkpoint(save(tmp_path, {**settings(), "format": number}))
    assert f"format {number!r} is not {FORMAT}; upgrade bpo-model" in str(caught.value)


@pytest.mark.parametrize(
    "file", ["../adapter.gguf", "sub/adapter.gguf", "./adapter.gguf", "/tmp/adapter.gguf", "a/../adapter.gguf", "."]
)
def test_an_adapter_outside_of_the_folder_is_refused(file: str, tmp_path: Path) -> None:
    data = settings()
    data["adapter"]["file"] = file
    with pytest.raises(ModelLoadError) as caught:
        load_checkpoint(save(tmp_path, data))
    assert f"the adapter must lie beside bpo.json, got {file!r}" in str(caught.value)
    assert "training.sft" in str(caught.value)


@pytest.mark.parametrize("template", ["", "no place", "{prompt} and {prompt}"])
def test_a_template_that_cannot_work_is_refused(template: str, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="exactly once"):
        load_checkpoint(save(tmp_path, {**settings(), "template": template}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"context_tokens": "many"},
        {"context_tokens": None},
        {"base": None},
        {"base": "tiny.gguf"},
        {"base": {**settings()["base"], "colour": "red"}},
        {"adapter": "adapter.gguf"},
        {"adapter": {"file": 7, "size": 1, "sha256": ""}},
        {"adapter": {"file": "adapter.gguf", "size": "large", "sha256": ""}},
        {"gate": None},
        {"gate": []},
        {"gate": {"colour": "red"}},
        {"gate": {"languages": None}},
        {"length": None},
        {"length": {"colour": "red"}},
    ],
    ids=str,
)
def test_a_value_of_a_wrong_kind_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"is not a usable bpo\.json"):
        load_checkpoint(save(tmp_path, {**settings(), **wrong}))


def test_the_cause_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load_checkpoint(save(tmp_path, "{"))
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)
    assert isinstance(caught.value, BPOError)
    assert isinstance(caught.value, OSError)


def test_a_missing_checkpoint_is_refused_when_an_optimizer_is_made(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no checkpoint at"):
        PromptOptimizer.from_pretrained(tmp_path)


# Its files


def test_checked_files_are_found(folder: Path, tmp_path: Path) -> None:
    assert load_checkpoint(folder).find_files() == (tmp_path / "tiny.gguf", folder / "adapter.gguf")


def test_a_missing_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter.gguf").unlink()
    with pytest.raises(ModelLoadError, match=r"adapter\.gguf is missing"):
        load_checkpoint(folder).find_files()


@pytest.mark.parametrize(
    ("data", "message"), [(ADAPTER[:-1], "has 14 bytes, expected 15"), (ADAPTER[::-1], "has sha256")]
)
def test_a_damaged_adapter_is_refused(data: bytes, message: str, folder: Path) -> None:
    (folder / "adapter.gguf").write_bytes(data)
    with pytest.raises(ModelLoadError, match=message):
        load_checkpoint(folder).find_files()


def test_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS[::-1])
    with pytest.raises(ModelLoadError, match=r"tiny\.gguf has sha256"):
        load_checkpoint(folder).find_files()


# What should be refused, too


@pytest.mark.parametrize("template", [None, 7, ["{prompt}"]])
def test_a_template_that_is_no_text_is_refused(template: object, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError):
        load_checkpoint(save(tmp_path, {**settings(), "template": template}))


def test_the_parent_folder_is_no_adapter(tmp_path: Path) -> None:
    data = settings()
    data["adapter"]["file"] = ".."
    with pytest.raises(ModelLoadError, match="must lie beside"):
        load_checkpoint(save(tmp_path, data))


@pytest.mark.parametrize("gate", [{"languages": "en"}, {"max_words": "250"}, {"max_words": None}], ids=str)
def test_a_policy_of_wrong_types_is_refused(gate: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError):
        load_checkpoint(save(tmp_path, {**settings(), "gate": gate}))


@pytest.mark.parametrize("length", [{"factor": "2"}, {"extra_words": None}], ids=str)
def test_a_budget_of_wrong_types_is_refused(length: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError):
        load_checkpoint(save(tmp_path, {**settings(), "length": length}))
