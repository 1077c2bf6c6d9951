"""A converted adapter must do in llama.cpp what it does in transformers."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.gguf_adapter import _interleave, convert_adapter

PROMPT = "<|im_start|>user\nWrite a poem about the sea<|im_end|>\n<|im_start|>assistant\n"
TOLERANCE = 0.15
"""Mean absolute difference of log-probabilities, nats. llama.cpp computes with 8-bit
activations on the 4-bit base, transformers in fp32 on the dequantized base, which alone
is worth 0.09 on this prompt; with a wrong row order in q and k it is 0.81."""


def peft_model(base: tuple[Any, Any], folder: Path, targets: str | list[str], std: float) -> Any:
    """The base with a LoRA of random, clearly visible weights; saved to the folder."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(copy.deepcopy(base[0]), config)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=std)
    model.save_pretrained(folder)
    return model.eval()


def transformers_logprobs(model: Any, tokenizer: Any) -> dict[str, float]:
    """Token -> log-probability of the next token."""
    import torch

    with torch.inference_mode():
        ids = tokenizer(PROMPT, return_tensors="pt").input_ids
        values = torch.log_softmax(model(input_ids=ids).logits[0, -1].float(), -1)
    return {tokenizer.decode([index]): values[index].item() for index in range(len(values))}


def llama_cpp_logprobs(adapter: Path | None) -> dict[str, float]:
    """The 20 most likely next tokens in llama.cpp."""
    from bpo_model.engines.llama_cpp import LlamaCppEngine
    from training.write_out import embedded_base

    engine = LlamaCppEngine(embedded_base(), adapter)
    found: list[Any] = []
    engine._idle.queue[0].handle_completions(
        {"prompt": PROMPT, "n_predict": 1, "temperature": 0.0, "n_probs": 20},
        found.append,
    )
    top = found[0]["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {entry["token"]: entry["logprob"] for entry in top if "\ufffd" not in entry["token"]}


def mean_difference(left: dict[str, float], right: dict[str, float]) -> float:
    """Mean absolute difference over the tokens of the first."""
    return math.fsum(abs(value - right[token]) for token, value in left.items()) / len(left)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_logits_agree_with_transformers(base: tuple[Any, Any], tmp_path: Path) -> None:
    model = peft_model(base, tmp_path, "all-linear", std=0.05)
    assert convert_adapter(tmp_path, model.config, tmp_path / "adapter.gguf") == 2 * 7 * 30
    expected = transformers_logprobs(model, base[1])
    found, without = llama_cpp_logprobs(tmp_path / "adapter.gguf"), llama_cpp_logprobs(None)
    assert mean_difference(found, expected) < TOLERANCE
    assert mean_difference(without, expected) > 2 * TOLERANCE, "the adapter must make a visible difference"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_row_order_of_q_and_k_matters_and_is_right(
    base: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = peft_model(base, tmp_path, ["q_proj", "k_proj"], std=0.3)
    expected = transformers_logprobs(model, base[1])
    convert_adapter(tmp_path, model.config, tmp_path / "right.gguf")
    monkeypatch.setattr("training.gguf_adapter._interleave", lambda rows, heads: rows)
    convert_adapter(tmp_path, model.config, tmp_path / "wrong.gguf")
    assert mean_difference(llama_cpp_logprobs(tmp_path / "right.gguf"), expected) < TOLERANCE
    assert mean_difference(llama_cpp_logprobs(tmp_path / "wrong.gguf"), expected) > 2 * TOLERANCE


def test_rotary_rows_are_interleaved_within_each_head() -> None:
    rows: Any = np.arange(8, dtype=np.float32)[:, None]  # two heads of four rows: halves (0 1 | 2 3)
    assert _interleave(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config

    with pytest.raises(ValueError, match="gpt2"):
        convert_adapter(tmp_path, GPT2Config(), tmp_path / "x.gguf")
