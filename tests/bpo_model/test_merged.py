"""Merging base and adapter: the right numbers, whole files, and a way on when it cannot be done."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from bpo_model import merged
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.errors import ModelLoadError
from bpo_model.merged import merge, merged_path, runnable_files

NAME = "blk.0.attn_q.weight"
RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.normal(size=(64, 32)).astype(np.float32)
DOWN = RANDOM.normal(size=(4, 32)).astype(np.float32)
UP = RANDOM.normal(size=(64, 4)).astype(np.float32)
NORM = RANDOM.normal(size=32).astype(np.float32)


def write_gguf(path: Path, tensors: dict[str, np.ndarray], alpha: float | None = None) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_array("tokenizer.ggml.tokens", ["<a>", "b"])
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    base = write_gguf(tmp_path / "base.gguf", {NAME: WEIGHT, "blk.0.attn_norm.weight": NORM})
    adapter = write_gguf(tmp_path / "adapter.gguf", {f"{NAME}.lora_a": DOWN, f"{NAME}.lora_b": UP}, alpha=8.0)
    return base, adapter


def test_the_merged_weights_are_base_plus_scaled_product(files: tuple[Path, Path], tmp_path: Path) -> None:
    merge(*files, tmp_path / "out.gguf")
    reader = gguf.GGUFReader(tmp_path / "out.gguf")
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    found = gguf.dequantize(tensors[NAME].data, tensors[NAME].tensor_type)
    expected = WEIGHT + UP @ DOWN * (8.0 / 4)
    assert tensors[NAME].tensor_type.name == "Q8_0"
    assert np.abs(found - expected).max() < np.abs(expected).max() / 127
    assert np.array_equal(tensors["blk.0.attn_norm.weight"].data, NORM)
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["<a>", "b"]


def test_a_file_that_is_no_adapter_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be merged"):
        merge(files[0], files[0], tmp_path / "out.gguf")
    (tmp_path / "noise.gguf").write_bytes(b"noise" * 100)
    with pytest.raises(ModelLoadError, match="cannot be merged"):
        merge(tmp_path / "noise.gguf", files[1], tmp_path / "out.gguf")


@pytest.fixture
def checkpoint(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """A checkpoint of the small files, with an empty cache folder."""
    monkeypatch.setattr(merged, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(Checkpoint, "find_files", lambda self: files)
    return replace(load_checkpoint(), adapter=files[1], adapter_sha256="a")


def test_the_merge_runs_once(checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    first, rest = runnable_files(checkpoint)
    written = first.stat().st_mtime_ns
    assert rest is None
    assert "preparing the model" in caplog.text
    caplog.clear()
    assert runnable_files(checkpoint) == (first, None)
    assert (first.stat().st_mtime_ns, caplog.text) == (written, "")
    assert [file.suffix for file in sorted(first.parent.iterdir())] == [".gguf", ".json"]


def test_a_damaged_merge_is_made_again(checkpoint: Checkpoint) -> None:
    path, _ = runnable_files(checkpoint)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert runnable_files(checkpoint)[0].read_bytes() == good
    path.write_bytes(good[:100])
    assert runnable_files(checkpoint)[0].read_bytes() == good
    path.with_suffix(".json").write_text("{", encoding="utf-8")
    assert runnable_files(checkpoint)[0].read_bytes() == good


def test_another_adapter_is_another_file(checkpoint: Checkpoint) -> None:
    assert merged_path(checkpoint) != merged_path(replace(checkpoint, adapter_sha256="b"))


def test_without_a_cache_folder_the_adapter_is_used_as_it_is(
    checkpoint: Checkpoint, files: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert runnable_files(checkpoint) == files
    assert "slower" in caplog.text


def test_a_merge_that_fails_half_way_leaves_nothing(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(base: Path, adapter: Path, out: Path) -> None:
        out.write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(merged, "merge", full)
    assert runnable_files(checkpoint)[1] is not None
    assert list(merged_path(checkpoint).parent.iterdir()) == []


def test_the_embedded_default_runs_merged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        path, adapter = runnable_files(load_checkpoint())
    assert adapter is None
    note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.stat().st_size == note["size"]
