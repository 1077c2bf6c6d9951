"""Base weights and adapter merged into one file, once, on first use.

llama.cpp can apply an adapter while it decodes, at the price of 420 small extra products a
token. Merged weights decode 1.5 to 1.8 times as fast, and prompts that are decoded side by
side give bit for bit what they give alone. They are kept in 8 bits: rounded back to the
base's 4 bits, most of the adapter would be lost (see docs/speed.md).
"""

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from bpo_model.base_file import check_file, file_sha256
from bpo_model.checkpoint import Checkpoint
from bpo_model.errors import ModelLoadError
from bpo_model.files import write_text

logger = logging.getLogger(__name__)

FORMAT = "Q8_0-1"
"""Quantization, and version of this code: another one makes another file."""


def runnable_files(checkpoint: Checkpoint) -> tuple[Path, Path | None]:
    """(weights, adapter or None): the merged file, or both apart where it cannot be written.

    Raises:
        ModelLoadError: If base or adapter is missing or damaged.
    """
    base, adapter = checkpoint.find_files()
    if adapter is None:
        return base, None
    path = merged_path(checkpoint)
    try:
        if not _is_whole(path):
            logger.warning("preparing the model: merging the weights into %s (once, about 5 s)", path)
            _write(base, adapter, path)
        return path, None
    except OSError as error:
        logger.warning("cannot keep merged weights (%s); using the adapter as it is, which is slower", error)
        return base, adapter


def merged_path(checkpoint: Checkpoint) -> Path:
    """Where the merged file of a checkpoint lies: its name holds the hashes of what went in."""
    assert checkpoint.base is not None
    parts = f"{checkpoint.base.sha256} {checkpoint.adapter_sha256} {FORMAT}"
    return user_cache_path("bpo") / f"merged-{hashlib.sha256(parts.encode()).hexdigest()[:32]}.gguf"


def _is_whole(path: Path) -> bool:
    """Whether a finished merge is there, unchanged since it was written."""
    try:
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        check_file(path, int(note["size"]), str(note["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _note(path: Path) -> Path:
    """The small file beside the weights with their size and hash."""
    return path.with_suffix(".json")


def _write(base: Path, adapter: Path, path: Path) -> None:
    """Merge into a temporary file, then move it into place; two processes may do this at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        merge(base, adapter, temporary)
        note = {"size": temporary.stat().st_size, "sha256": file_sha256(temporary)}
        os.replace(temporary, path)
        write_text(_note(path), json.dumps(note))
    finally:
        temporary.unlink(missing_ok=True)


def merge(base: Path, adapter: Path, out: Path, quantization: str = "Q8_0") -> None:
    """Write `base` with `adapter` added to its weights, those in the given GGML type.

    Tensors that the adapter leaves alone are copied as they are. Peak memory is about
    twice the size of the result.

    Raises:
        ModelLoadError: If a file is not the GGUF that it should be.
    """
    import gguf

    kind = gguf.GGMLQuantizationType[quantization]
    try:
        source, lora = gguf.GGUFReader(base), gguf.GGUFReader(adapter)
        deltas = {tensor.name: tensor for tensor in lora.tensors}
        alpha = float(lora.fields["adapter.lora.alpha"].contents())
        architecture = str(source.fields["general.architecture"].contents())
    except (ValueError, KeyError, IndexError) as error:
        raise ModelLoadError(f"{base} and {adapter} cannot be merged: {error!r}. Install them again.") from error
    writer = gguf.GGUFWriter(out, architecture)
    _copy_fields(source, writer)
    for tensor in source.tensors:
        down, up = deltas.get(f"{tensor.name}.lora_a"), deltas.get(f"{tensor.name}.lora_b")
        if down is None or up is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        merged = _values(tensor) + _values(up) @ _values(down) * (alpha / down.data.shape[0])
        writer.add_tensor(tensor.name, gguf.quantize(merged, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _values(tensor: Any) -> Any:
    """A tensor as a float32 array, rows x columns."""
    import gguf
    import numpy as np

    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)


def _copy_fields(source: Any, writer: Any) -> None:
    """Copy tokenizer and hyper-parameters; the writer makes the file's own fields itself."""
    import gguf

    for field in source.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(
            field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        )
