"""Load what training.align.reward wrote."""

import json
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoTokenizer

from training.align.reward import load_scorer


def load_reward(folder: str) -> tuple[Any, Any]:
    """(scorer with its adapter merged in, tokenizer), both ready for padded batches.

    Raises:
        FileNotFoundError: If the folder holds neither an adapter nor a model.
    """
    path = Path(folder)
    if not (path / "adapter_config.json").is_file():
        if not (path / "config.json").is_file():
            raise FileNotFoundError(f"{folder} holds no reward model; train one with python -m training.align.reward")
        return load_scorer(folder)
    base = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    scorer, _ = load_scorer(_file(base))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return PeftModel.from_pretrained(scorer, folder).merge_and_unload(), tokenizer


def _file(base: str) -> str:
    """PEFT notes only the folder of a GGUF file."""
    found = sorted(Path(base).glob("*.gguf")) if Path(base).is_dir() else []
    return str(found[0]) if len(found) == 1 and not (Path(base) / "config.json").exists() else base
