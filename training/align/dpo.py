"""Direct preference optimization of the target LLM: a baseline of the paper's Table 5.

python -m training.align.dpo --config training/recipes/align/dpo-cpu.yaml --data FILE --output_dir DIR

The paper publishes no settings for it; the recipes are TRL's and say so.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import TaskType
from transformers import set_seed
from trl import DPOConfig, DPOTrainer, TrlParser

from training.align.arguments import AlignArguments
from training.align.common import base_of, begin, finish, lora, pad
from training.align.rows import load_rows
from training.base import load_base
from training.resume import newest_checkpoint


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, measure, save."""
    args, config = TrlParser((AlignArguments, DPOConfig)).parse_args_and_config(argv and list(argv))
    train(args, config)
    return 0


def train(args: AlignArguments, config: DPOConfig) -> dict[str, Any]:
    """Run the training and return its manifest."""
    begin(args, config)
    set_seed(config.seed)
    model, tokenizer = load_base(base_of(args))
    pad(model, tokenizer)
    rows = load_rows(args, tokenizer)
    trainer = DPOTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows.train),
        eval_dataset=Dataset.from_list(rows.held_out),
        processing_class=tokenizer,
        peft_config=lora(args, TaskType.CAUSAL_LM),
    )
    trainer.train(resume_from_checkpoint=newest_checkpoint(Path(config.output_dir)))
    return finish(trainer, args, rows.counts(), {"held_out": trainer.evaluate()})


if __name__ == "__main__":
    sys.exit(main())
