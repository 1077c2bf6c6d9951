"""The main job with the embedded model, from a string or messages to the result."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from bpo_model import AGGRESSIVE, PromptOptimizer, Reason
from bpo_model.checks import spans
from bpo_model.contract import verify
from bpo_model.split import split

PROMPTS = [
    "tell me about the history of tea",
    "how do i get my toddler to sleep",
    "write a short story about a lighthouse keeper",
    "what is a black hole",
    "ideas for a birthday party in the garden",
    "explain how vaccines work",
    "why do cats purr",
    "give me tips for my first half marathon",
]


def test_half_of_the_vague_prompts_or_more_are_added_to_and_hold_the_contract() -> None:
    results = PromptOptimizer.from_pretrained(cache="off").optimize_batch(PROMPTS)
    assert sum(result.changed for result in results) >= len(PROMPTS) // 2
    for prompt, result in zip(PROMPTS, results, strict=True):
        assert verify(prompt, result.text) == ()
        assert result.changed == (result.text != prompt) == (result.reason is Reason.REWRITTEN)
        assert result.tokens.completion > 0


def test_the_same_prompt_gives_the_same_rewrite(optimizer: PromptOptimizer) -> None:
    again = PromptOptimizer.from_pretrained(cache="off")
    assert optimizer.optimize(PROMPTS[0]).text == again.optimize(PROMPTS[0]).text


def test_a_context_survives_byte_for_byte(optimizer: PromptOptimizer) -> None:
    mail = "Hi Jo,\r\n\tthe pump broke  again (3rd time!). Cost: €1,250.00 — ask  for Björn.\r\n\r\nTom\u00a0"
    result = optimizer.optimize(f"summarize this e-mail for my boss\n\n{mail}")
    assert result.text.endswith(mail)


def test_only_the_newest_turn_of_a_conversation_changes(optimizer: PromptOptimizer) -> None:
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "what are good houseplants for a dark flat"},
    ]
    result = optimizer.optimize(messages)
    assert result.changed
    assert result.messages is not None
    assert all(new is old for new, old in zip(result.messages[:3], messages[:3], strict=True))
    assert result.messages[3] == {"role": "user", "content": result.text}
    assert messages[3]["content"] == "what are good houseplants for a dark flat"


def test_a_follow_up_in_a_conversation_is_left_alone(optimizer: PromptOptimizer) -> None:
    turns = [{"role": "user", "content": "write a poem"}, {"role": "assistant", "content": "Roses ..."}]
    for follow_up in ("make it shorter", "and in French?", "why?", "now rhyme it"):
        assert optimizer.optimize([*turns, {"role": "user", "content": follow_up}]).reason is Reason.FOLLOW_UP


def test_special_tokens_as_text_neither_steer_the_model_nor_get_lost(optimizer: PromptOptimizer) -> None:
    result = optimizer.optimize("what does <|im_end|> mean in chat templates")
    assert "<|im_end|>" in result.text
    assert result.text.count("<|im_end|>") == 1


def test_aggressive_mode_verifies_several_candidates(optimizer: PromptOptimizer) -> None:
    one = optimizer.optimize("why do cats purr")
    several = optimizer.optimize("why do cats purr", mode=AGGRESSIVE, rewrite="always")
    assert several.tokens.completion > one.tokens.completion
    assert several.changed
    assert verify("why do cats purr", several.text) == ()


def test_iterations_are_verified_against_the_original(optimizer: PromptOptimizer) -> None:
    prompt = "best laptop under $800 for college 2027"
    result = optimizer.optimize(prompt, iterations=3)
    assert verify(prompt, result.text) == ()
    assert {"$800", "2027"} <= set(spans.numbers(result.text))


def test_a_deadline_that_cannot_be_met_returns_the_original(optimizer: PromptOptimizer) -> None:
    prompt = "write about the rivers of Europe"
    result = optimizer.optimize(prompt, deadline_ms=1)
    assert (result.prompt is prompt, result.reason) == (True, Reason.DEADLINE)
    assert optimizer.optimize(prompt, deadline_ms=120_000).changed


async def test_concurrent_calls_on_one_loop_are_all_verified(optimizer: PromptOptimizer) -> None:
    # Not compared with single calls: what is decoded in one batch differs in the last bits,
    # so that near ties fall the other way (ARCHITECTURE.md).
    fresh = PromptOptimizer.from_pretrained()
    results = await asyncio.gather(*(fresh.aoptimize(prompt) for prompt in PROMPTS))
    assert [result.original for result in results] == PROMPTS
    assert all(verify(prompt, result.text) == () for prompt, result in zip(PROMPTS, results, strict=True))
    assert sum(result.changed for result in results) >= len(PROMPTS) // 2


def test_nothing_of_bpo_test_is_lost(optimizer: PromptOptimizer, data: Path) -> None:
    rows = json.loads((data / "testsets" / "bpo_test.json").read_text(encoding="utf-8"))
    risky = [row["prompt"] for row in rows if re.search(r"\d", row["prompt"]) or "\n" in row["prompt"]]
    results = optimizer.optimize_batch(risky[:60])
    for result in results:
        parts = split(result.original)
        assert result.text.startswith(parts.before)
        assert result.text.endswith(parts.after)
        lost = spans.numbers(result.original) - spans.numbers(result.text) - spans.number_words(result.text)
        assert not lost, (result.original, result.text)
    assert any(result.changed for result in results)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("", Reason.BLANK),
        ("   \n\t", Reason.BLANK),
        ("word " * 100_000, Reason.TOO_LONG),
        ("explain \x00 bytes", Reason.UNSUPPORTED_CHARACTERS),
        ("explain \ud800 surrogates", Reason.UNSUPPORTED_CHARACTERS),
        ("¿Cómo se hace el pan de masa madre?", Reason.LANGUAGE),
        ("اكتب قصيدة عن البحر", Reason.LANGUAGE),
        ("SELECT name FROM users WHERE id = 3", Reason.NOT_A_REQUEST),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], Reason.NO_USER_TEXT),
    ],
)
def test_bad_input_goes_out_as_it_came_with_the_reason(
    optimizer: PromptOptimizer, prompt: str | list[dict[str, object]], reason: Reason
) -> None:
    result = optimizer.optimize(prompt)
    assert result.reason is reason
    assert result.prompt is prompt
