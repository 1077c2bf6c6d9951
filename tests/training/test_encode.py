"""Training and serving must see the same tokens."""

from typing import Any

import pytest

from bpo_model.checkpoint import load_checkpoint
from bpo_model.engines.llama_cpp import LlamaCppEngine
from training.config import INSTRUCTION
from training.encode import serving_template, to_example, token_count
from training.pairs import Row

ROWS = [
    Row("1", "own", "tell me about tea", "Tell me about the history of tea."),
    Row("2", "own", "write {name} a haiku: 3 lines!", "Write a haiku for {name} in 3 lines."),
    Row("3", "own", "(was) ist 'ä' \u4f60\u597d 🙂", "Was ist (genau) 'ä'?"),
    Row("4", "own", "first line\nsecond line", "First line\n\nsecond line"),
]


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_prompt_tokens_in_training_equal_those_at_run_time(
    base: tuple[Any, Any], engine: LlamaCppEngine, row: Row
) -> None:
    _, tokenizer = base
    example = to_example(row, INSTRUCTION, "{prompt}")
    trained = tokenizer.apply_chat_template(
        example["prompt"], tokenize=True, add_generation_prompt=True, return_dict=False
    )
    rendered = serving_template(tokenizer, INSTRUCTION, "{prompt}").render(row.instruction)
    assert engine.tokenize(str(rendered), special=True) == list(trained)


@pytest.mark.slow
def test_the_shipped_template_is_the_one_that_training_derives(base: tuple[Any, Any]) -> None:
    _, tokenizer = base
    assert serving_template(tokenizer, INSTRUCTION, "{prompt}") == load_checkpoint().template


@pytest.mark.slow
def test_loss_falls_on_the_completion_and_its_end_only(base: tuple[Any, Any]) -> None:
    from training.validation import _encode

    _, tokenizer = base
    ids, prompt_length = _encode(to_example(ROWS[0], INSTRUCTION, "{prompt}"), tokenizer)
    assert tokenizer.decode(ids[prompt_length:]) == ROWS[0].optimized + "<|im_end|>\n"
    assert len(ids) == token_count(to_example(ROWS[0], INSTRUCTION, "{prompt}"), tokenizer)


def test_user_template_places_the_prompt_once() -> None:
    example = to_example(ROWS[0], "", "Improve: {prompt}")
    assert example["prompt"] == [{"role": "user", "content": "Improve: tell me about tea"}]
