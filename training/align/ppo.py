"""PPO against a reward model, as in the paper's Table 5, where TRL still carries it.

python -m training.align.ppo --config training/recipes/align/ppo-cpu.yaml --data FILE --reward DIR --output_dir DIR

TRL removed PPO after 1.12.0: install that version in an environment of its own, or use training.align.rloo.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from training.align.arguments import PolicyArguments

MISSING = (
    "PPO is not in this version of TRL, which dropped it after 1.12.0. Use python -m training.align.rloo (the "
    "kept alternative, reported as RLOO), or `pip install trl==1.12.0` in an environment of its own."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse flags and recipe, train, save; exit code 2 without PPO."""
    if not available():
        print(MISSING, file=sys.stderr)  # noqa: T201
        return 2
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # we know: that is why this module is apart
    from trl import TrlParser
    from trl.experimental.ppo import PPOConfig

    args, config = TrlParser((PolicyArguments, PPOConfig)).parse_args_and_config(argv and list(argv))
    train(args, config)
    return 0


def available() -> bool:
    """Whether this TRL has PPO; looks without importing, which would warn."""
    spec = find_spec("trl")
    folders = spec.submodule_search_locations if spec else None
    return any((Path(folder) / "experimental" / "ppo").is_dir() for folder in folders or ())


def train(args: PolicyArguments, config: Any) -> dict[str, Any]:
    """Run the training and return its manifest."""
    from peft import TaskType
    from transformers import set_seed
    from trl.experimental.ppo import PPOTrainer

    from training.align.common import base_of, begin, finish, lora, pad
    from training.align.reward_model import load_reward
    from training.align.rows import load_rows
    from training.base import load_base

    begin(args, config)
    set_seed(config.seed)  # 1.12 builds the adapter before it seeds
    model, tokenizer = load_base(base_of(args))
    pad(model, tokenizer)
    tokenizer.padding_side = "left"
    rows = load_rows(args, tokenizer)
    scorer, _ = load_reward(args.reward)
    critic, _ = load_reward(args.reward)
    trainer = PPOTrainer(
        args=config,
        processing_class=tokenizer,
        model=model,
        ref_model=None,
        reward_model=scorer,
        value_model=critic,
        train_dataset=_prompts(rows.train, tokenizer),
        eval_dataset=_prompts(rows.held_out, tokenizer),
        peft_config=lora(args, TaskType.CAUSAL_LM),
    )
    trainer.train()
    scores = [entry["objective/scores"] for entry in trainer.state.log_history if "objective/scores" in entry]
    return finish(trainer, args, rows.counts(), {"rewards": scores})


def _prompts(rows: Sequence[dict[str, Any]], tokenizer: Any) -> Any:
    """PPO wants token ids, without the answers."""
    from datasets import Dataset

    return Dataset.from_list([
        {"input_ids": tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)}
        for row in rows
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
