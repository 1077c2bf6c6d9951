"""What a baseline needs beside TRL's own config."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class AlignArguments:
    """Preferences, target LLM and adapter; fields are the command-line flags."""

    data: Path = field(metadata={"help": "JSONL or parquet of prompt, chosen, rejected"})
    base: str = field(default="", metadata={"help": "the target LLM: GGUF file, folder or hub id; empty: embedded"})
    held_out: float = field(default=0.1, metadata={"help": "share of the prompts that is only measured"})
    limit: int = field(default=0, metadata={"help": "only so many preferences; 0: all"})
    lora_r: int = field(default=16, metadata={"help": "rank of the adapter; 0 trains all weights"})
    lora_alpha: int = field(default=32, metadata={"help": "scale of the adapter, over the rank"})
    max_row_tokens: int = field(default=512, metadata={"help": "longer rows are left out and counted, never cut"})


@dataclass(frozen=True, kw_only=True)
class PolicyArguments(AlignArguments):
    """The same, for what learns from a reward model."""

    reward: str = field(metadata={"help": "folder of training.align.reward, or any sequence classifier's"})
