"""Fine-tune a target LLM on a file of a build: Table 6 compares the one on original with that on reconstructed data.

python -m training.augment train --config training/recipes/augment/alpaca-7b.yaml
    --data OUT/data/reconstructed.jsonl --output_dir runs/reconstructed

Then the same with original.jsonl and another --output_dir. Stop and rerun at will. Both see the same prompts in the
same order, and are measured on the held-out prompts of every file of the build.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import TaskType
from transformers import set_seed
from trl import SFTConfig, SFTTrainer, TrlParser

from training.align.arguments import AlignArguments
from training.align.common import base_of, begin, finish, lora, pad
from training.augment.rows import load_rows
from training.base import load_base
from training.resume import newest_checkpoint
from training.validation import completion_loss

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "### {{ 'Response' if message['role'] == 'assistant' else 'Instruction' }}:\n{{ message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
"""For base models, which have none: headings as Alpaca's, in Jinja; it is saved with the tokenizer."""


@dataclass(frozen=True, kw_only=True)
class TrainArguments(AlignArguments):
    """Data, target LLM and adapter; fields are the command-line flags."""

    data: Path = field(metadata={"help": "original.jsonl, reconstructed.jsonl or control.jsonl of a build"})
    limit: int = field(default=0, metadata={"help": "only so many random rows (the paper's 1k); 0: all"})
    processes: int = field(default=1, metadata={"help": "how many the launcher was told to start; else it is an error"})


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, measure, save."""
    args, config = TrlParser((TrainArguments, SFTConfig)).parse_args_and_config(argv and list(argv))
    train(args, config)
    return 0


def train(args: TrainArguments, config: SFTConfig) -> dict[str, Any]:
    """Run the training and return its manifest; empty in all processes but the first.

    Raises:
        ValueError: If the data is not what its manifest says, or the folder holds another run.
    """
    _check_processes(args, config)
    if config.process_index == 0:
        begin(args, config)
    set_seed(config.seed)
    model, tokenizer = load_base(base_of(args))
    pad(model, tokenizer)
    tokenizer.chat_template = tokenizer.chat_template or TEMPLATE
    rows = load_rows(args, tokenizer, config.seed)
    before = _losses(model, tokenizer, rows.held_out)
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows.train),
        eval_dataset=Dataset.from_list(rows.held_out[args.data.stem]),
        processing_class=tokenizer,
        peft_config=lora(args, TaskType.CAUSAL_LM),
    )
    if len(trainer.train_dataset) != len(rows.train):
        raise RuntimeError(
            f"the trainer dropped rows: {len(rows.train)} went in, {len(trainer.train_dataset)} are left"
        )
    trainer.train(resume_from_checkpoint=newest_checkpoint(Path(config.output_dir)))
    after = _losses(trainer.model, tokenizer, rows.held_out)
    if config.process_index:
        trainer.save_model(config.output_dir)  # by all processes: with FSDP each has a part
        return {}
    results = {"trained_on": args.data.name, "steps": trainer.state.global_step, "before": before, "after": after}
    manifest = finish(trainer, args, rows.counts(), results)
    (Path(config.output_dir) / "training_args.bin").unlink(missing_ok=True)  # a pickle, which nobody should load
    return manifest


def _losses(model: Any, tokenizer: Any, held_out: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float | int]]:
    """Nats per token of the answers of every file, on prompts that nobody trained on."""
    return {arm: completion_loss(model, tokenizer, rows) for arm, rows in held_out.items()}


def _check_processes(args: TrainArguments, config: SFTConfig) -> None:
    """Some launchers start one process whatever they are told, at another global batch (see training.sft)."""
    if config.world_size != args.processes:
        raise ValueError(
            f"asked for {args.processes} processes, running in {config.world_size}: the global batch would be another. "
            "Set --processes to what the launcher starts; on CPU use torchrun."
        )


if __name__ == "__main__":
    sys.exit(main())
