"""Load the base model that is fine-tuned: a GGUF file, a local folder or a hub id."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase


def load_base(name_or_path: str, *, four_bit: bool = False) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model in fp32, or in 4 bits for QLoRA, and its tokenizer.

    A GGUF file is dequantized on load, because a model that still counts as quantized
    refuses `.float()` and the Trainer refuses to train it; saved copies stay clean too.
    """
    path = Path(name_or_path)
    if four_bit:
        return _load(name_or_path, {}, {"quantization_config": _four_bits()})
    if path.suffix != ".gguf":
        return _load(name_or_path, {}, {})
    return _load(str(path.parent), {"gguf_file": path.name}, {"quantization_config": GgufConfig(dequantize=True)})


def _four_bits() -> Any:
    """QLoRA's own setting: NF4, scales quantized too, products in bf16.

    Raises:
        ModuleNotFoundError: Without bitsandbytes, which needs CUDA.
    """
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise ModuleNotFoundError("--four_bit needs bitsandbytes on a CUDA machine: pip install bitsandbytes")
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip


def _load(
    folder: str, source: dict[str, Any], weights: dict[str, Any]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load both with the same source; never runs code that comes with a checkpoint."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **source, **weights)
    tokenizer = AutoTokenizer.from_pretrained(folder, **source)
    return model, tokenizer
