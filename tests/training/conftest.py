"""The base model in transformers, loaded once: it takes about fifteen seconds."""

from pathlib import Path
from typing import Any

import pytest

from training.base import load_base
from training.write_out import embedded_base


@pytest.fixture(scope="session")
def base() -> tuple[Any, Any]:
    """(model, tokenizer) of the embedded base, dequantized."""
    return load_base(str(embedded_base()))


@pytest.fixture(scope="session")
def tiny_base(base: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama with random weights and the embedded base's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder, tokenizer = tmp_path_factory.mktemp("tiny"), base[1]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=2, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
