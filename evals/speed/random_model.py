"""A model with random weights and a tokenizer of its own, in the format of a checkpoint."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bpo_model.files import write_text

WORDS = (
    "river mountain garden recipe letter music history planet kitchen market engine window story travel "
    "winter bridge teacher harvest island science"
).split()
SIZES: dict[str, dict[str, int]] = {
    "llama-2-7b": {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4096,
    },
    "tiny": {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 1024,
    },
}
"""The published shape of Llama-2-7B, and one for tests."""
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_model(folder: Path, size: str) -> int:
    """Write weights, tokenizer and bpo.json into a folder; returns the number of parameters."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**SIZES[size], eos_token_id=2, pad_token_id=0)).to(torch.bfloat16)
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    description = {
        "format": 1,
        "name": f"random-{size}",
        "weights": "safetensors",
        "template": "<|user|>{prompt}<|end|><|assistant|>",
        "context_tokens": 1024,
    }
    write_text(folder / "bpo.json", json.dumps(description, indent=2) + "\n")
    return int(sum(weight.numel() for weight in model.parameters()))


def _tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer trained on nothing: one token a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    special = ["<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary: dict[str, int] = {token: index for index, token in enumerate([*special, *symbols])}
    core: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=CHAT_TEMPLATE
    )


def write_pairs(folder: Path, rows: int = 400) -> None:
    """Synthetic pairs of about 100 tokens, in the format that training.sft reads."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_pair(number)) for number in range(rows)]
    write_text(folder / "train.jsonl", "\n".join(lines) + "\n")
    write_text(folder / "val.jsonl", "\n".join(lines[:8]) + "\n")


def _pair(number: int) -> dict[str, str]:
    """One row; no two are equal."""
    topic = f"{WORDS[number % 20]} {WORDS[number * 3 % 20]} {number}"
    return {
        "id": str(number),
        "source": "random",
        "prompt": f"tell me about the {topic}",
        "optimized_prompt": f"Tell me about the {topic}, with two examples.",
    }
