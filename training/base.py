"""Load the base model that is fine-tuned: a GGUF file, a local folder or a hub id."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase


def load_base(name_or_path: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model in fp32 and its tokenizer.

    A GGUF file is dequantized on load, because a model that still counts as quantized
    refuses `.float()` and the Trainer refuses to train it; saved copies stay clean too.
    """
    path = Path(name_or_path)
    if path.suffix != ".gguf":
        return _load(name_or_path, {}, {})
    return _load(str(path.parent), {"gguf_file": path.name}, {"quantization_config": GgufConfig(dequantize=True)})


def _load(
    folder: str, source: dict[str, Any], weights: dict[str, Any]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load both with the same source; never runs code that comes with a checkpoint."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **source, **weights)
    tokenizer = AutoTokenizer.from_pretrained(folder, **source)
    return model, tokenizer
