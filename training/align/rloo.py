"""REINFORCE leave-one-out against a reward model: the kept alternative to the paper's PPO.

python -m training.align.rloo --config training/recipes/align/rloo-cpu.yaml --data FILE --reward DIR --output_dir DIR

Results of it are called RLOO, never PPO.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import TaskType
from transformers import set_seed
from trl import RLOOConfig, RLOOTrainer, TrlParser

from training.align.arguments import PolicyArguments
from training.align.common import base_of, begin, finish, lora, pad
from training.align.reward_model import load_reward
from training.align.rows import load_rows
from training.base import load_base
from training.resume import newest_checkpoint


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, measure, save."""
    args, config = TrlParser((PolicyArguments, RLOOConfig)).parse_args_and_config(argv and list(argv))
    train(args, config)
    return 0


def train(args: PolicyArguments, config: RLOOConfig) -> dict[str, Any]:
    """Run the training and return its manifest."""
    begin(args, config)
    set_seed(config.seed)
    model, tokenizer = load_base(base_of(args))
    pad(model, tokenizer)
    rows = load_rows(args, tokenizer)
    scorer, scorer_tokenizer = load_reward(args.reward)
    trainer = RLOOTrainer(
        model=model,
        reward_funcs=scorer,
        reward_processing_classes=scorer_tokenizer,
        args=config,
        train_dataset=Dataset.from_list([{"prompt": row["prompt"]} for row in rows.train]),
        processing_class=tokenizer,
        peft_config=lora(args, TaskType.CAUSAL_LM),
    )
    trainer.train(resume_from_checkpoint=newest_checkpoint(Path(config.output_dir)))
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    return finish(trainer, args, rows.counts(), {"rewards": rewards})


if __name__ == "__main__":
    sys.exit(main())
