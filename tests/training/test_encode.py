"""Training and serving must see the same tokens."""

from typing import Any

import pytest

from bpo_model.checkpoint import load_checkpoint
from bpo_model.engines.llama_cpp import LlamaCppEngine
from training.config import INSTRUCTION
from training.encode import encode, serving_template, to_example
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
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_loss_falls_on_the_completion_and_its_end_only(base: tuple[Any, Any], row: Row) -> None:
    assert with_loss(to_example(row, INSTRUCTION, "{prompt}"), base[1]) == row.optimized + "<|im_end|>\n"


@pytest.mark.slow
def test_no_loss_falls_on_the_start_that_is_given_at_run_time(base: tuple[Any, Any], engine: LlamaCppEngine) -> None:
    _, tokenizer = base
    row = Row("1", "own", "tell me about tea", "tell me about tea. Name its history.")
    example = to_example(row, INSTRUCTION, "{prompt}", "tell me about tea.")
    assert with_loss(example, tokenizer) == " Name its history.<|im_end|>\n"
    encoded = encode(example, tokenizer)
    rendered = serving_template(tokenizer, INSTRUCTION, "{prompt}").render(row.instruction, "tell me about tea.")
    given = encoded["completion_mask"].index(1)
    assert engine.tokenize(engine._prompt(rendered), special=True) == encoded["input_ids"][:given]  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_completion_in_other_words_is_learned_as_a_whole(base: tuple[Any, Any]) -> None:
    example = to_example(ROWS[0], INSTRUCTION, "{prompt}", "tell me about tea.")
    assert with_loss(example, base[1]) == ROWS[0].optimized + "<|im_end|>\n"


def with_loss(example: dict[str, Any], tokenizer: Any) -> str:
    """The text of the tokens that the mask names."""
    encoded = encode(example, tokenizer)
    assert len(encoded["input_ids"]) == len(encoded["completion_mask"])
    pairs = zip(encoded["input_ids"], encoded["completion_mask"], strict=True)
    return str(tokenizer.decode([token for token, lossy in pairs if lossy]))


def test_user_template_places_the_prompt_once() -> None:
    example = to_example(ROWS[0], "", "Improve: {prompt}")
    assert example["prompt"] == [{"role": "user", "content": "Improve: tell me about tea"}]
