"""Convert a PEFT LoRA of a Llama-architecture model into a GGUF adapter for llama.cpp."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from peft import PeftConfig
from safetensors.numpy import load_file
from transformers import PretrainedConfig

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def convert_adapter(peft_folder: Path, model_config: PretrainedConfig, out: Path) -> int:
    """Write `adapter_model.safetensors` of a folder as an f16 GGUF adapter.

    Returns the number of tensors. lora_A is (r, in), lora_B is (out, r).

    Raises:
        ValueError: If the model is not of the Llama architecture, or a tensor has no
            counterpart in llama.cpp.
    """
    if model_config.model_type != "llama":
        raise ValueError(f"only Llama-architecture adapters can be converted, got {model_config.model_type!r}")
    settings = PeftConfig.from_pretrained(str(peft_folder))
    writer = GGUFWriter(out, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(settings.lora_alpha))
    tensors = load_file(peft_folder / "adapter_model.safetensors")
    for name, values in sorted(tensors.items()):
        target, weights = _to_gguf(name, values.astype(np.float32), model_config)
        writer.add_tensor(target, weights.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return len(tensors)


def _to_gguf(name: str, values: np.ndarray, config: PretrainedConfig) -> tuple[str, np.ndarray]:
    """(llama.cpp's tensor name, weights in llama.cpp's row order)."""
    parts = name.removeprefix("base_model.model.model.layers.").removesuffix(".weight").split(".")
    layer, module, side = parts[0], ".".join(parts[1:-1]), parts[-1]
    if not layer.isdigit() or module not in GGUF_NAMES or side not in ("lora_A", "lora_B"):
        raise ValueError(f"no llama.cpp counterpart for tensor {name!r}")
    if side == "lora_B" and module == "self_attn.q_proj":
        values = _interleave(values, config.num_attention_heads)
    if side == "lora_B" and module == "self_attn.k_proj":
        values = _interleave(values, config.num_key_value_heads)
    return f"blk.{layer}.{GGUF_NAMES[module]}.weight.{side.lower()}", np.ascontiguousarray(values)


def _interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the output rows of q or k from split-half to interleaved rotary layout.

    llama.cpp stores both this way for the Llama architecture, so the adapter must follow.
    """
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
