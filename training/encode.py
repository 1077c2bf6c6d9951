"""Chat rows for TRL, and the template that serves the same tokens at run time."""

from typing import Any

from transformers import PreTrainedTokenizerBase

from bpo_model.template import PLACEHOLDER, Template
from training.pairs import Row


def chat(system: str, user: str, instruction: str) -> list[dict[str, str]]:
    """The conversation up to the rewrite; `user` holds `{prompt}` once."""
    turns = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": user.replace(PLACEHOLDER, instruction)}]


def to_example(row: Row, system: str, user: str, start: str = "") -> dict[str, Any]:
    """A conversational prompt/completion row; `start` is the part of the completion that is given at run time.

    Where the completion begins in other words, nothing is given.
    """
    return {
        "prompt": chat(system, user, row.instruction),
        "completion": [{"role": "assistant", "content": row.optimized}],
        "start": start if row.optimized.startswith(start) else "",
    }


def serving_template(tokenizer: PreTrainedTokenizerBase, system: str, user: str) -> Template:
    """The chat template of the tokenizer around `{prompt}`, as text for bpo.json."""
    text = tokenizer.apply_chat_template(chat(system, user, PLACEHOLDER), tokenize=False, add_generation_prompt=True)
    return Template(str(text))


def encode(example: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids of the whole conversation (T), and a mask (T) that is 1 where the loss falls.

    The tokens are those of the whole text, since at run time too the border between what is given and what is written
    lies within one text; a token that reaches across it counts as given.
    """
    head = tokenizer.apply_chat_template(example["prompt"], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*example["prompt"], *example["completion"]], tokenize=False)
    border = len(head) + len(example.get("start", ""))
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    mask = [int(begin >= border) for begin, _ in encoded["offset_mapping"]]
    return {"input_ids": list(encoded["input_ids"]), "completion_mask": mask}
