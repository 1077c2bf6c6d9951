"""Fine-tune the optimizer on (prompt, optimized prompt) pairs.

python -m training.sft --config training/recipes/lora-cpu.yaml --data DIR --output_dir runs/default

Stop and rerun at will: the run resumes from its newest complete checkpoint, and refuses
to resume when the data or the settings have changed. Writes the adapter (PEFT and GGUF),
bpo.json and manifest.json into --output_dir.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase, set_seed
from trl import SFTConfig, SFTTrainer, TrlParser

from bpo_model.prefill import prefill
from training.base import load_base
from training.config import OptimizerArguments
from training.encode import encode, to_example
from training.keep_and_add import keep_and_add
from training.noise import noisy_rows
from training.pairs import Rows, make_rows, read_pairs
from training.resume import check_same_run, newest_checkpoint, run_settings
from training.validation import completion_loss
from training.write_out import embedded_base, write_optimizer


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, write the optimizer folder."""
    args, sft = TrlParser((OptimizerArguments, SFTConfig)).parse_args_and_config(
        list(argv) if argv is not None else None
    )
    train(args, sft)
    return 0


def train(args: OptimizerArguments, sft: SFTConfig) -> dict[str, Any]:
    """Run the fine-tuning and return its manifest."""
    out = Path(sft.output_dir)
    _check_processes(args, sft)
    sft.completion_only_loss = True  # TRL finds that out only for rows that it encodes itself
    set_seed(sft.seed)
    base = args.base or str(embedded_base())
    model, tokenizer = load_base(base, four_bit=args.four_bit)
    rows, examples = examples_of(_training_rows(args, sft.seed), args, tokenizer)
    # All pairs of val.jsonl, whatever the contract says of them: the loss stays comparable when the contract changes.
    val_rows, val_examples = examples_of(rows_of(args, "val"), args, tokenizer)
    if not examples:
        raise ValueError(f"no row of {args.data} is left to train on; kept, and left out by reason: {rows.counts()}")
    if sft.process_index == 0:
        check_same_run(out, args, sft, base)
    before = completion_loss(model, tokenizer, val_examples)
    trainer = SFTTrainer(
        model=model,
        args=sft,
        train_dataset=Dataset.from_list([encode(example, tokenizer) for example in examples]),
        eval_dataset=Dataset.from_list([encode(example, tokenizer) for example in val_examples]),
        callbacks=[EarlyStoppingCallback(args.patience)] if args.patience else None,
        processing_class=tokenizer,
        peft_config=_lora(args),
    )
    if len(trainer.train_dataset) != len(examples):
        raise RuntimeError(f"the trainer dropped rows: {len(examples)} went in, {len(trainer.train_dataset)} are left")
    result = trainer.train(resume_from_checkpoint=newest_checkpoint(out))
    after = completion_loss(trainer.model, tokenizer, val_examples)
    trainer.save_model(str(out))  # by all processes: with FSDP each has a part
    if sft.process_index:
        return {}
    return write_optimizer(
        out,
        args,
        run_settings(args, sft, base),
        trainer.model,
        tokenizer,
        base,
        command="training.sft",
        data={"train": rows.counts(), "val": val_rows.counts(), "rejected": rows.rejected | val_rows.rejected},
        results={
            "val_loss_before": before,
            "val_loss_after": after,
            "train_loss": result.training_loss,
            "train_seconds": result.metrics["train_runtime"],
            "train_tokens": int(trainer.state.num_input_tokens_seen),
            "steps": trainer.state.global_step,
            "log": [entry for entry in trainer.state.log_history if "loss" in entry],
        },
    )


def _check_processes(args: OptimizerArguments, sft: SFTConfig) -> None:
    """Some launchers start one process whatever they are told (`accelerate launch --cpu`), at another batch size.

    Raises:
        ValueError: If there are not as many as asked for.
    """
    if sft.world_size != args.processes:
        raise ValueError(
            f"asked for {args.processes} processes, running in {sft.world_size}: the global batch would be another. "
            "Set --processes to what the launcher starts; on CPU use torchrun."
        )


def _lora(args: OptimizerArguments) -> LoraConfig | None:
    """The adapter; dropout 0, since it costs a third of the speed and these runs are short."""
    if args.lora_r == 0:
        return None
    return LoraConfig(
        r=args.lora_r, lora_alpha=args.lora_alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _training_rows(args: OptimizerArguments, seed: int) -> Rows:
    """The rows of train.jsonl, if asked for in one style only, and some of them again with noise.

    Raises:
        ValueError: If both are asked for.
    """
    if args.keep_and_add and args.noise:
        raise ValueError("--noise changes the prompts that --keep_and_add starts replies with; leave one of them out")
    rows = rows_of(args, "train", verified=args.verified)
    rows = keep_and_add(rows, seed) if args.keep_and_add else rows
    return Rows([*rows.kept, *noisy_rows(rows.kept, args.noise, seed)], rows.rejected)


def rows_of(args: OptimizerArguments, name: str, *, verified: bool = False) -> Rows:
    """The rows of `NAME.jsonl`, by the sources and, if asked for, the contract; to train on, those of more_data too."""
    files = [args.data / f"{name}.jsonl", *(args.more_data if name == "train" else [])]
    pairs = [pair for file in files for pair in read_pairs(file)]
    return make_rows(pairs, args.exclude_sources, verified=verified)


def examples_of(
    rows: Rows, args: OptimizerArguments, tokenizer: PreTrainedTokenizerBase
) -> tuple[Rows, list[dict[str, Any]]]:
    """Trainer examples of rows; over-long rows and special tokens are rejected by name."""
    special = tokenizer.all_special_tokens + list(tokenizer.added_tokens_encoder)
    kept, examples = [], []
    for row in rows.kept:
        example = to_example(row, args.system, args.user, prefill(row.instruction) if args.keep_and_add else "")
        if any(token in row.instruction + row.optimized for token in special):
            rows.rejected[row.id] = "special_token"
        elif len(encode(example, tokenizer)["input_ids"]) > args.max_row_tokens:
            rows.rejected[row.id] = "too_long"
        else:
            kept.append(row)
            examples.append(example)
    return Rows(kept, rows.rejected), examples


if __name__ == "__main__":
    sys.exit(main())
