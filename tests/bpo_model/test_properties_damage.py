"""Prompts made of every kind of detail, in all combinations: what a small model may do to one of them is noticed.

`evals.damage` measures the same on real rewrites; here the prompt and its good rewrite are put together from parts, so
that every damage has something to damage.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bpo_model.contract import verify
from evals.damage.kinds import KINDS


@dataclass(frozen=True)
class Detail:
    """Something that a prompt holds, and the same thing spoiled."""

    text: str
    spoiled: str


def details(*pairs: tuple[str, str]) -> list[Detail]:
    return [Detail(*pair) for pair in pairs]


DETAILS: dict[str, list[Detail]] = {
    "a number is lost": details(("for 3 beginners", "for beginners"), ("in 40 lines", "in lines")),
    "a number is another": details(("under $800", "under $900"), ("on page 12", "on page 21"), ("at 7:30", "at 7:50")),
    "a sign is lost": details(("at -5 degrees", "at 5 degrees"), ("about 20% of it", "about 20 of it")),
    "a unit is another": details(
        ("after 8 km", "after 8 miles"), ("for 5 minutes", "for 5 hours"), ("of 2 kg", "of 2 lb")
    ),
    "a limit is turned": details(("in at most 90 words", "in at least 90 words"), ("below 30 euros", "above 30 euros")),
    "a negation is lost": details(("without sugar", "with sugar"), ("but do not mention prices", "but mention prices")),
    "a name is another": details(("like Ada Lovelace", "like Ada Byron"), ("in Lisbon", "in Porto")),
    "a name is lost": details(("for our friend Tolkien", "for our friend"), ("near Lake Como", "near a lake")),
    "a link is another": details(("from https://example.org/a?b=1", "from https://example.org/a?b=2")),
    "a link is lost": details(("see www.example.net", "see the site"), ("to ann@example.org", "to her")),
    "a path is another": details(
        ("in src/main.py", "in src/mane.py"), ("from C:\\data\\x.csv", "from C:\\data\\y.csv")
    ),
    "code is another": details(
        ("with `ls -l`", "with `ls -la`"), ("by calling parse_date()", "by calling parse_dates()")
    ),
    "a variable is lost": details(("about {topic}", "about the topic"), ("for ${USER}", "for the user")),
    "a quote is another": details(('with the title "Red Tea"', 'with the title "Red Teas"')),
    "quotes change places": details(('from "north" to "south"', 'from "south" to "north"')),
    "a format is lost": details(("as a json object", "as an object"), ("in one sentence", "in some words")),
    "a direction is turned": details(("from English to German", "from German to English")),
    "an opposite": details(("listing the best ones", "listing the worst ones"), ("before lunch", "after lunch")),
    "a code is another": details(("on flight EK512", "on flight EK513"), ("as ticket ABC-12", "as ticket ABC-21")),
    "a pronoun is another": details(("so that he keeps his hat", "so that she keeps her hat")),
    "a letter is plain": details(("with Renée", "with Renee"), ("on São Miguel", "on Sao Miguel")),
}
"""Each detail stands behind a request; the spoiled one is a wrong rewrite of it."""
REQUESTS = {
    "write a story about otters": "Write a vivid story about otters",
    "explain how bridges stay up": "Explain in simple terms how bridges stay up",
    "give me ideas for a garden": "Give me creative ideas for a garden",
    "how do i repair a kayak": "How do I repair a kayak",
}
"""A request, and a good rewrite of it."""
CLOSING = st.sampled_from(["", ", and explain why", ", with clear steps"])
OTHERS = sorted(name for name in DETAILS if not name.startswith(("a negation", "an opposite", "a pronoun", "quotes")))
"""Details that may stand beside any other; two negations or directions in a prompt could hide each other."""


@st.composite
def prompts(draw: st.DrawFn, name: str) -> tuple[str, str, str]:
    """(prompt, good rewrite, the rewrite with the detail spoiled); up to two more details stand around it."""
    request = draw(st.sampled_from(sorted(REQUESTS)))
    hit = draw(st.sampled_from(DETAILS[name]))
    around = [draw(st.sampled_from(DETAILS[other])) for other in draw(st.lists(st.sampled_from(OTHERS), max_size=2))]
    assume(all(set(other.text.split()).isdisjoint(hit.spoiled.split()) for other in around))
    held = [hit.text, *(other.text for other in around)]
    assume(len(set(held)) == len(held))  # said twice, it would be a loop
    order = draw(st.permutations(held))
    spoiled = [hit.spoiled if text is hit.text else text for text in order]
    end = draw(CLOSING)
    return (
        " ".join([request, *order]),
        " ".join([REQUESTS[request], *order]) + end + ".",
        " ".join([REQUESTS[request], *spoiled]) + end + ".",
    )


@pytest.mark.parametrize("name", DETAILS)
def test_a_spoiled_detail_is_noticed_wherever_it_stands(name: str) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(prompts(name))
    def check(made: tuple[str, str, str]) -> None:
        prompt, _, spoiled = made
        assert verify(prompt, spoiled) != ()

    check()


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(sorted(DETAILS)))
def test_the_good_rewrite_passes(data: st.DataObject, name: str) -> None:
    prompt, good, _ = data.draw(prompts(name))
    assert verify(prompt, good) == ()


ALWAYS: list[Callable[[str, str, random.Random], str | None]] = [
    KINDS[name] for name in ("add_number", "invent_link", "invent_name", "answer_instead", "loop", "leak_template")
]


@pytest.mark.parametrize("kind", ALWAYS, ids=lambda kind: str(kind.__name__))
def test_what_nobody_asked_for_is_noticed_in_every_prompt(
    kind: Callable[[str, str, random.Random], str | None],
) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.sampled_from(sorted(DETAILS)).flatmap(prompts))
    def check(made: tuple[str, str, str]) -> None:
        prompt, good, _ = made
        spoiled = kind(prompt, good, random.Random(0))
        assert spoiled is not None
        assert verify(prompt, spoiled) != ()

    check()
