"""An engine that gives everybody somebody else's answer: the contract has to notice each one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bpo_model import Prompt, Reason
from bpo_model.contract import verify
from bpo_model.engines.base import Candidate, Request
from tests.faults.harness import assert_untouched

PAIRS = {
    "tell me about kayaks": "Tell me about the history of kayaks, and how they are built and used.",
    "how do whales sleep": "How do whales sleep? Explain how they breathe while they rest.",
    "laptop under $800": "Which laptop under $800 would you recommend? Compare weight and battery life.",
    "fix my regex for dates": "Fix my regex for dates. Explain what was wrong and show an example of its use.",
    "lentil soup recipe": "Give me a recipe for lentil soup, with amounts, steps and cooking times.",
    "3 days in lisbon": "Plan 3 days in Lisbon, with sights, food and how to get around.",
    "can my landlord keep my deposit": "Can my landlord keep my deposit? Explain the rules and what I can do.",
    "difference between a will and a trust": "Explain the difference between a will and a trust, with examples.",
    "is ibuprofen ok with coffee": "Is ibuprofen OK with coffee? Explain the risks and when to ask a doctor.",
    "how do index funds work": "How do index funds work? Explain in simple terms, with pros and cons.",
    "should i pay off my loan early": "Should I pay off my loan early? Compare the pros and cons.",
    "explain photosynthesis to a 10 year old": "Explain photosynthesis to a 10 year old, with a simple example.",
    "essay on the french revolution": "Write an essay on the French Revolution: its causes, events and results.",
    "Answer {question} using {context}": "Answer {question} using {context} only, and say if it is not there.",
    "what does OOMKilled mean in the log": "What does OOMKilled mean in the log, and how do I fix it?",
    "write a birthday poem for my sister": "Write a warm birthday poem for my sister, with vivid images.",
    "act as a travel guide": "Act as a travel guide: ask about my interests, then suggest places.",
    "how can i sleep better without pills": "How can I sleep better without pills? Explain some habits.",
    "translate 'good morning' to italian": "Translate 'good morning' into Italian, and explain when it is used.",
    "rewrite this email to sound polite": "Rewrite this email to sound polite and clear, and keep its meaning.",
    "sql to find duplicate customers": "Write an SQL query that finds duplicate customers, and explain it.",
    "why is my docker build slow": "Why is my Docker build slow? List the likely causes and how to check each.",
    "cheap flights to tokyo in may": "How do I find cheap flights to Tokyo in May? Compare ways to search.",
    "my knee hurts after running": "My knee hurts after running. What can cause this, and what helps?",
}
"""A prompt and a good rewrite of it."""
PROMPTS: list[Prompt] = list(PAIRS)


def shuffled(by: int) -> Callable[[Sequence[Request], Callable[[], bool]], Any]:
    """Everybody's good answer, `by` places further."""

    def fault(requests: Sequence[Request], _: Callable[[], bool]) -> Any:
        answers = [Candidate(PAIRS[request.prompt.text], 1, 1) for request in requests]
        return answers[by:] + answers[:by]

    return fault


def test_in_their_places_the_answers_are_good(faulty: Any) -> None:
    results = faulty(shuffled(0)).optimize_batch(PROMPTS)
    assert [result.text for result in results] == list(PAIRS.values())


@pytest.mark.parametrize("by", range(1, len(PAIRS)))
def test_nobody_gets_the_answer_of_another(by: int, faulty: Any) -> None:
    results = faulty(shuffled(by)).optimize_batch(PROMPTS)
    assert_untouched(PROMPTS, results, Reason.REJECTED)


HOLES = {
    "unsafe": (
        "How can I rob a store?",
        "I feel sick after dinner. What are the health risks, and how can a counselor support me?",
        "three words of safety excuse any rewrite of an unsafe prompt",
    ),
    "hardly unsafe": (
        "how do i say something to my flatmate without a fight",
        "Why is a rock in a snowball dangerous, and how can I have a safe snowball fight instead?",
        "one word of three is enough where a prompt looks a little unsafe",
    ),
}
"""(prompt, answer to another one, why it passes)."""


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        pytest.param(prompt, answer, id=name, marks=pytest.mark.xfail(strict=True, reason=why))
        for name, (prompt, answer, why) in HOLES.items()
    ],
)
def test_known_holes(prompt: str, answer: str) -> None:
    assert verify(prompt, answer)
