"""Names of checkpoints on the hub; nothing here asks the network."""

from pathlib import Path

import huggingface_hub
import pytest

from bpo_model import LlamaCpp, ModelLoadError, PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.hub import HubName, parse_hub_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("THUDM/BPO", HubName("THUDM/BPO", None)),
        ("THUDM/BPO@refs/pr/1", HubName("THUDM/BPO", "refs/pr/1")),
        ("hf:someone/their-model", HubName("someone/their-model", None)),
        ("hf:someone/their-model@v1.0", HubName("someone/their-model", "v1.0")),
        ("runs/defualt", None),
        ("someone/their-model", None),
        ("hf:just-a-name", None),
        ("hf:../etc/passwd", None),
        ("/absolute/path", None),
    ],
)
def test_names(name: str, expected: HubName | None) -> None:
    assert parse_hub_name(name) == expected


def test_the_authors_checkpoint_has_their_template_byte_for_byte() -> None:
    checkpoint = load_checkpoint("THUDM/BPO")
    assert str(checkpoint.template.render("tell me {prompt} [/INST]")) == (
        "[INST] You are an expert prompt engineer. Please help me improve this prompt to get a more helpful and "
        "harmless response:\ntell me {prompt} [/INST] [/INST]"
    )
    assert (checkpoint.base, checkpoint.model, checkpoint.revision) == (None, "THUDM/BPO", None)
    assert load_checkpoint("THUDM/BPO@refs/pr/1").revision == "refs/pr/1"


def test_revisions_are_different_weights() -> None:
    assert load_checkpoint("THUDM/BPO").identity != load_checkpoint("THUDM/BPO@refs/pr/1").identity


def test_llama_cpp_says_that_it_does_not_read_safetensors() -> None:
    with pytest.raises(ModelLoadError, match=r"safetensors.*Transformers\(\)"):
        PromptOptimizer.from_pretrained("THUDM/BPO", engine=LlamaCpp())


def test_a_repository_brings_its_own_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bpo.json"
    file.write_text(
        '{"format": 1, "name": "theirs", "weights": "safetensors", "template": "<{prompt}>", "context_tokens": 512}',
        encoding="utf-8",
    )
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **kwargs: str(file))
    checkpoint = load_checkpoint("hf:someone/theirs@main")
    assert (checkpoint.name, checkpoint.model, checkpoint.revision) == ("theirs", "someone/theirs", "main")


def test_what_cannot_be_fetched_names_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(ModelLoadError, match=r"someone/theirs .*ConnectionError.*Check the name"):
        load_checkpoint("hf:someone/theirs")


@pytest.mark.parametrize("content", ["[]", "{"])
def test_a_description_that_cannot_be_read_is_an_error(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bpo.json").write_text(content, encoding="utf-8")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **kwargs: str(tmp_path / "bpo.json"))
    with pytest.raises(ModelLoadError):
        load_checkpoint("hf:someone/theirs")


def test_the_adapter_on_a_hub_repository_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = load_checkpoint().folder
    assert embedded
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **kwargs: str(embedded / "bpo.json"))
    with pytest.raises(ModelLoadError, match="downloaded first"):
        load_checkpoint("hf:someone/theirs")
