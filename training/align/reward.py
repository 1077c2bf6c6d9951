"""Train a reward model on preferences: the first half of the paper's PPO baseline, and what RLOO learns from.

python -m training.align.reward --config training/recipes/align/reward-cpu.yaml --data FILE --output_dir DIR

Reports how often it puts the chosen answer first on prompts that it has not seen (the paper's: 80%).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import TaskType
from transformers import AutoModelForSequenceClassification, AutoTokenizer, GgufConfig, set_seed
from trl import RewardConfig, RewardTrainer, TrlParser

from training.align.arguments import AlignArguments
from training.align.common import base_of, begin, finish, lora, pad
from training.align.rows import load_rows
from training.resume import newest_checkpoint


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, measure, save."""
    args, config = TrlParser((AlignArguments, RewardConfig)).parse_args_and_config(argv and list(argv))
    train(args, config)
    return 0


def train(args: AlignArguments, config: RewardConfig) -> dict[str, Any]:
    """Run the training and return its manifest."""
    begin(args, config)
    set_seed(config.seed)
    model, tokenizer = load_scorer(base_of(args))
    rows = load_rows(args, tokenizer)
    trainer = RewardTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows.train),
        eval_dataset=Dataset.from_list(rows.held_out),
        processing_class=tokenizer,
        peft_config=lora(args, TaskType.SEQ_CLS),
    )
    before = trainer.evaluate()
    trainer.train(resume_from_checkpoint=newest_checkpoint(Path(config.output_dir)))
    results = {"held_out_before": before, "held_out": trainer.evaluate()}
    return finish(trainer, args, rows.counts(), results)


def load_scorer(name_or_path: str) -> tuple[Any, Any]:
    """A language model with one score at its end instead of the next token, in fp32, and its tokenizer."""
    path, source, weights = Path(name_or_path), {}, {}
    folder = name_or_path
    if path.suffix == ".gguf":
        folder, source = str(path.parent), {"gguf_file": path.name}
        weights = {"quantization_config": GgufConfig(dequantize=True)}
    tokenizer = AutoTokenizer.from_pretrained(folder, **source)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=1, dtype=torch.float32, **source, **weights
    )
    pad(model, tokenizer)
    return model, tokenizer


if __name__ == "__main__":
    sys.exit(main())
