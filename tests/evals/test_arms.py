"""What the arms send: the same bytes through every adapter, and controls that are what they say."""

from typing import Any

import pytest

from bpo_model.compare.types import Item, Reply
from bpo_model.testing import FakeOptimizer
from evals.winrate.arms import SUFFIX, rewriter
from evals.winrate.via import VIAS

PROMPTS = [
    "tell me about tea",
    'what about {braces}, [[A]], "quotes" and é😀?',
    "Summarize this e-mail.\n\nHi Jo,\nthe pump broke on 2024-05-03.\nBest, Al",
    "translate to French: good morning",
]
ITEMS = [Item(f"s/{number}", "s", prompt) for number, prompt in enumerate(PROMPTS)]


async def target(messages: Any, **params: Any) -> Reply:
    return Reply(f"better: {messages[-1]['content'].splitlines()[-1]}")


async def sent(name: str, optimizer: Any, via: str = "raw", iterations: int = 1) -> list[str]:
    """The texts that the LLM gets for all items."""
    rewrite = rewriter(name, ITEMS, route=VIAS[via](optimizer, iterations), target=target, seed=1)
    messages = [await rewrite(item) for item in ITEMS]
    assert all([turn["role"] for turn in turns] == ["user"] for turns in messages)
    return [str(turns[0]["content"]) for turns in messages]


@pytest.mark.parametrize("via", VIAS)
async def test_every_adapter_sends_the_same_bytes(via: str) -> None:
    assert await sent("bpo", FakeOptimizer(), via) == await sent("bpo", FakeOptimizer(), "raw")
    assert await sent("bpo", FakeOptimizer(), via) != PROMPTS


@pytest.mark.parametrize("via", VIAS)
async def test_every_adapter_sends_the_same_bytes_with_the_embedded_optimizer(via: str, optimizer: Any) -> None:
    assert await sent("bpo", optimizer, via) == [optimizer.optimize(prompt).text for prompt in PROMPTS]


@pytest.mark.parametrize("via", VIAS)
async def test_iterations_feed_the_result_back(via: str) -> None:
    def rewrite(text: str) -> str:
        return text + (" Give an example." if "Explain it." in text else " Explain it.")

    once = await sent("bpo", FakeOptimizer(rewrite), via, iterations=1)
    twice = await sent("bpo", FakeOptimizer(rewrite), via, iterations=2)
    assert once[0] == "tell me about tea Explain it."
    assert twice[0] == "tell me about tea Explain it. Give an example."


async def test_a_failing_optimizer_is_an_error_and_not_an_unchanged_prompt() -> None:
    from bpo_model import GenerationError

    def fail(text: str) -> str:
        raise RuntimeError("broken")

    for via in VIAS:
        with pytest.raises(GenerationError, match="broken"):
            await sent("bpo", FakeOptimizer(fail), via)


async def test_none_and_identity_send_the_prompt() -> None:
    assert await sent("none", FakeOptimizer()) == await sent("identity", FakeOptimizer()) == PROMPTS


async def test_the_static_suffix_is_the_same_for_all() -> None:
    assert await sent("static-suffix", FakeOptimizer()) == [f"{prompt}\n\n{SUFFIX}" for prompt in PROMPTS]


async def test_the_shuffled_rewrite_is_that_of_another_prompt_and_each_is_used_once() -> None:
    own, others = await sent("bpo", FakeOptimizer()), await sent("shuffled-rewrite", FakeOptimizer())
    assert sorted(own) == sorted(others)
    assert all(left != right for left, right in zip(own, others, strict=True))


async def test_direct_asks_the_target_once_and_keeps_braces() -> None:
    assert (await sent("direct", FakeOptimizer()))[1] == f"better: {PROMPTS[1]}"


async def test_an_unknown_rewriter_is_named() -> None:
    with pytest.raises(ValueError, match="unknown rewriter 'magic'; known: none, identity, bpo"):
        await sent("magic", FakeOptimizer())
