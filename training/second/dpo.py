"""The second round: an optimizer of training.sft goes on with preferences over its own rewrites (DPO).

python -m training.second.dpo --config training/recipes/second-cpu.yaml --start RUN --preferences FILE --data DIR
    --output_dir runs/second

The reference is the optimizer it starts from. Writes the same folder as training.sft, and resumes like it.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import set_seed
from trl import DPOConfig, DPOTrainer, TrlParser

from bpo_model.base_file import file_sha256
from bpo_model.checkpoint import load_checkpoint
from training.base import load_base
from training.config import OptimizerArguments
from training.encode import chat
from training.resume import RESULT_FIELDS, newest_checkpoint, plain_value, same_run
from training.sft import examples_of, rows_of
from training.validation import completion_loss
from training.write_out import embedded_base, write_optimizer


@dataclass(frozen=True, kw_only=True)
class SecondArguments(OptimizerArguments):
    """What the second round needs beside the first one's; system and user text must be those of the start."""

    start: Path = field(metadata={"help": "the --output_dir of training.sft, with its PEFT adapter"})
    preferences: Path = field(metadata={"help": "JSONL of prompt, chosen, rejected (training.second.preferences)"})
    pairs_limit: int = field(default=0, metadata={"help": "only so many preferences; 0: all"})


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, write the optimizer folder."""
    args, config = TrlParser((SecondArguments, DPOConfig)).parse_args_and_config(
        list(argv) if argv is not None else None
    )
    train(args, config)
    return 0


def train(args: SecondArguments, config: DPOConfig) -> dict[str, Any]:
    """Run the second round and return its manifest."""
    start = load_checkpoint(args.start).prefill
    if start:
        args = replace(args, keep_and_add=True, end_bias=start.end_bias, frequency_penalty=start.frequency_penalty)
    else:
        args = replace(args, keep_and_add=False)
    out, base = Path(config.output_dir), args.base or str(embedded_base())
    now = settings(args, config, base)
    same_run(out, now)
    set_seed(config.seed)
    model, tokenizer = load_base(base)
    model = PeftModel.from_pretrained(model, str(args.start), is_trainable=True)
    val_rows, val_examples = examples_of(rows_of(args, "val"), args, tokenizer)
    before = completion_loss(model, tokenizer, val_examples)
    rows = read_preferences(args)
    trainer = DPOTrainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    result = trainer.train(resume_from_checkpoint=newest_checkpoint(out))
    trainer.model.delete_adapter("ref")  # TRL's copy of the start; not part of the result
    after = completion_loss(trainer.model, tokenizer, val_examples)
    trainer.save_model(str(out))
    return write_optimizer(
        out,
        args,
        now,
        trainer.model,
        tokenizer,
        base,
        command="training.second.dpo",
        data={"train": {"preferences": len(rows)}, "val": val_rows.counts(), "rejected": val_rows.rejected},
        results={
            "val_loss_before": before,
            "val_loss_after": after,
            "train_loss": result.training_loss,
            "train_seconds": result.metrics["train_runtime"],
            "steps": trainer.state.global_step,
            "log": [entry for entry in trainer.state.log_history if "loss" in entry],
        },
    )


def read_preferences(args: SecondArguments) -> list[dict[str, Any]]:
    """Conversational rows, rendered as at run time.

    Raises:
        ValueError: If a row lacks a text; names the line.
    """
    rows = []
    for number, line in enumerate(args.preferences.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        texts = [row.get(name) for name in ("prompt", "chosen", "rejected")]
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(
                f"{args.preferences}:{number}: prompt, chosen and rejected must be text, got {sorted(row)}"
            )
        rows.append({
            "prompt": chat(args.system, args.user, row["prompt"]),
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        })  # fmt: skip
    return rows[: args.pairs_limit or None]


def settings(args: SecondArguments, config: DPOConfig, base: str) -> dict[str, object]:
    """Everything that decides the weights, as plain values; files by their hash."""
    names = (*RESULT_FIELDS, "beta", "loss_type", "loss_weights")
    return {
        "start_sha256": file_sha256(args.start / "adapter_model.safetensors"),
        "preferences_sha256": file_sha256(args.preferences),
        "pairs_limit": args.pairs_limit,
        "system": args.system,
        "user": args.user,
        **{name: plain_value(getattr(config, name)) for name in names if hasattr(config, name)},
        "base": file_sha256(Path(base)) if Path(base).is_file() else base,
    }


if __name__ == "__main__":
    sys.exit(main())
