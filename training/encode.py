"""Chat rows for TRL, and the template that serves the same tokens at run time."""

from typing import Any

from transformers import PreTrainedTokenizerBase

from bpo_model.template import PLACEHOLDER, Template
from training.pairs import Row


def chat(system: str, user: str, instruction: str) -> list[dict[str, str]]:
    """The conversation up to the rewrite; `user` holds `{prompt}` once."""
    turns = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": user.replace(PLACEHOLDER, instruction)}]


def to_example(row: Row, system: str, user: str) -> dict[str, list[dict[str, str]]]:
    """A conversational prompt/completion row.

    Conversational, because with plain strings a token can merge across the border of
    prompt and completion, and the model would train on a context it never sees again.
    """
    return {
        "prompt": chat(system, user, row.instruction),
        "completion": [{"role": "assistant", "content": row.optimized}],
    }


def serving_template(tokenizer: PreTrainedTokenizerBase, system: str, user: str) -> Template:
    """The chat template of the tokenizer around `{prompt}`, as text for bpo.json."""
    text = tokenizer.apply_chat_template(chat(system, user, PLACEHOLDER), tokenize=False, add_generation_prompt=True)
    return Template(str(text))


def token_count(example: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens of prompt and completion together."""
    ids = tokenizer.apply_chat_template([*example["prompt"], *example["completion"]], tokenize=True, return_dict=False)
    return len(ids)
