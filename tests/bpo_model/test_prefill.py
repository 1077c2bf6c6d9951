"""The start of the reply: the user's own words, which no model can lose then."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpo_model import PromptOptimizer, Reason
from bpo_model.checkpoint import load_checkpoint
from bpo_model.engines.base import Candidate, Generated, Request, never
from bpo_model.prefill import NEVER, Prefill, finished, prefill


@pytest.mark.parametrize(
    ("instruction", "start"),
    [
        ("how do zips work", "how do zips work?"),
        ("How do zips work?", "How do zips work?"),
        ("name 3 nuts", "name 3 nuts."),
        ("I'm lost. what now", "I'm lost. what now."),
        ("Why? I run a shop", "Why? I run a shop."),
        ("name nuts:", "name nuts:"),
        ("name nuts...", "name nuts..."),
        ('say "hi"', 'say "hi".'),
        ("what is at https://example.org/a", "what is at https://example.org/a\n"),
        ("fix main.py", "fix main.py\n"),
        ("explain np.argmax()", "explain np.argmax()\n"),
        ("compare e.g. tea and milk", "compare e.g. tea and milk."),
        ("tea costs 3.50", "tea costs 3.50\n"),
        ("tea?  ", "tea?"),
    ],
)
def test_a_sentence_can_follow(instruction: str, start: str) -> None:
    assert finished(instruction) == start


@given(st.text(min_size=1).filter(str.strip))
def test_the_words_stand_there_as_the_user_wrote_them(instruction: str) -> None:
    assert finished(instruction).startswith(instruction.rstrip())
    assert len(finished(instruction)) <= len(instruction.rstrip()) + 1
    assert finished(finished(instruction)).strip() == finished(instruction).strip()


def test_what_looks_unsafe_starts_freely() -> None:
    assert prefill("how to poison a dog") == ""
    assert prefill("how to wash a dog") == "how to wash a dog?"


class Continues:
    """Goes on from the start of the reply with a fixed text, and keeps what it was asked."""

    name = "continues"

    def __init__(self, *ends: str) -> None:
        self.ends, self.asked = list(ends), list[Request]()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        self.asked += requests
        return [Candidate(request.prompt.reply + self.ends.pop(0), 1, 1) for request in requests]


def optimizer(engine: Continues, *, prefilled: bool = True) -> PromptOptimizer:
    prefill = Prefill(end_token=2, end_bias=-1.0, frequency_penalty=0.5, avoided={"law": 7}) if prefilled else None
    return PromptOptimizer(engine, replace(load_checkpoint(), prefill=prefill))


def test_the_model_only_adds() -> None:
    engine = Continues(" Name their parts.")
    result = optimizer(engine).optimize("how do zips work")
    assert engine.asked[0].logit_bias == ((2, -1.0), (7, NEVER))
    assert engine.asked[0].frequency_penalty == 0.5
    assert result.text == "how do zips work? Name their parts."
    assert result.reason is Reason.REWRITTEN


def test_words_of_danger_may_be_added_where_the_prompt_has_some() -> None:
    prefill = Prefill(end_token=2, avoided={"law": 7})
    assert prefill.sampling("how to ship old lamps")["logit_bias"] == ((2, 0.0), (7, NEVER))
    assert prefill.sampling("how to ship old knives")["logit_bias"] == ((2, 0.0),)
    assert prefill.sampling("is it legal to ship lamps")["logit_bias"] == ((2, 0.0),)


def test_who_adds_nothing_leaves_the_prompt_byte_for_byte() -> None:
    prompt = "how do zips work"
    result = optimizer(Continues("")).optimize(prompt)
    assert result.reason is Reason.UNCHANGED
    assert result.prompt is prompt


def test_the_second_iteration_goes_on_from_the_first() -> None:
    engine = Continues(" Name their parts.", " Say what wears out.")
    result = optimizer(engine).optimize("how do zips work", iterations=2)
    assert result.text == "how do zips work? Name their parts. Say what wears out."


def test_a_checkpoint_that_was_not_trained_for_it_starts_freely() -> None:
    engine = Continues("How do zips work, and which parts do they have?")
    result = optimizer(engine, prefilled=False).optimize("how do zips work")
    assert engine.asked[0].prompt.reply == ""
    assert engine.asked[0].logit_bias == ()
    assert result.changed


def test_the_context_is_not_part_of_the_start() -> None:
    engine = Continues(" Keep the tone.")
    result = optimizer(engine).optimize("Translate into French: Good morning")
    assert engine.asked[0].prompt.reply == "Translate into French:"
    assert result.text == "Translate into French: Keep the tone. Good morning" or not result.changed
