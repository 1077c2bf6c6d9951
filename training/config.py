"""What a fine-tuning run needs beside TRL's own SFTConfig."""

from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTION = "Improve this prompt. Keep its meaning, its facts and its language."
"""System text of the embedded default: ten words, since every one is paid for at training time."""


@dataclass(frozen=True, kw_only=True)
class OptimizerArguments:
    """Data, base and adapter of the optimizer; fields are the command-line flags."""

    data: Path = field(metadata={"help": "folder with train.jsonl and val.jsonl"})
    more_data: list[Path] = field(
        default_factory=list, metadata={"help": "further files of pairs to train on, such as training/own_pairs.jsonl"}
    )
    base: str = field(default="", metadata={"help": "GGUF file, folder or hub id; empty: the embedded base"})
    exclude_sources: list[str] = field(
        default_factory=lambda: ["bpo"],
        metadata={"help": "sources to leave out; `bpo` holds prompts whose licence forbids commercial use"},
    )
    system: str = field(default=INSTRUCTION, metadata={"help": "system text in front of every prompt; empty: none"})
    user: str = field(default="{prompt}", metadata={"help": "user turn around the prompt"})
    lora_r: int = field(default=16, metadata={"help": "rank of the adapter; 0 trains all weights"})
    lora_alpha: int = field(default=32, metadata={"help": "scale of the adapter, over the rank"})
    verified: bool = field(default=True, metadata={"help": "train on pairs only that pass the contract"})
    keep_and_add: bool = field(
        default=False,
        metadata={"help": "targets are what is added to the prompt, given as the start of the reply"},
    )
    end_bias: float = field(
        default=0.0,
        metadata={"help": "nats added to the end token at run time; below 0 fewer prompts stay as they are"},
    )
    frequency_penalty: float = field(
        default=0.0,
        metadata={"help": "taken from a token's score at run time for each time that it was just said"},
    )
    noise: float = field(default=0.0, metadata={"help": "share of the rows that come again as a hasty user types"})
    four_bit: bool = field(default=False, metadata={"help": "keep the base in 4 bits under the adapter (QLoRA); CUDA"})
    processes: int = field(default=1, metadata={"help": "how many the launcher was told to start; else it is an error"})
    patience: int = field(default=0, metadata={"help": "stop after so many evaluations without gain; 0: never"})
    max_row_tokens: int = field(default=512, metadata={"help": "longer rows are left out and listed, never cut"})
