"""Prompts for the load: new ones without end, ones that come again, conversations, and bad input."""

import random
from typing import Any

from bpo_model.schema import Prompt
from evals.million.inputs import chaos, of_pieces, with_context

_OPENINGS = ("tell me about", "explain", "give me ideas for", "how do i learn", "what is", "write a poem about", "plan")
_TOPICS = "tea,salt,bridges,glass,kayaks,otters,clouds,chess,bees,maps,rivers,clocks,paper,wool,soup,trains".split(",")
_ENDS = ("", " for a 10 year old", " in my city", " without using lists", " under $50", " as a table", ", please")
_CONTEXT = "\n\nHi Jo,\nthe pump in hall 7 broke on 3 May.\nThanks, Ann\n"
KEPT = 40
"""Prompts that come again and again, as in an application; the rest are new."""


def text(rng: random.Random) -> str:
    """A prompt that is worth rewriting; every third one is new."""
    return fresh(rng) if rng.random() < 0.3 else fresh(random.Random(rng.randrange(KEPT)))


def fresh(rng: random.Random) -> str:
    """A request, sometimes with a context below it."""
    made = f"{rng.choice(_OPENINGS)} {rng.choice(_TOPICS)} and {rng.choice(_TOPICS)} number {rng.randrange(10_000)}"
    made += rng.choice(_ENDS)
    return f"Summarize what this e-mail says about {rng.choice(_TOPICS)}.{_CONTEXT}" if rng.random() < 0.1 else made


def conversation(rng: random.Random) -> Prompt:
    """Messages with a newest user turn, as text or in parts."""
    content: Any = text(rng)
    if rng.random() < 0.5:
        content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


def bad(rng: random.Random) -> Any:
    """What no optimizer can rewrite, and what it is not made for."""
    wrong: list[Any] = [
        "", " \n\t ", "\x00", "\ud800 hello", "a" * 50_000, "why " * 3000, "2 + 2 = ?", "make it shorter",
        "```\ncode\n```", None, 7, b"bytes", [], {}, [None], ["tell me about tea"], [{"role": "user"}],
        [{"role": "wizard", "content": "x"}], [{"role": "user", "content": 3}],
        [{"role": "assistant", "content": "done"}],
    ]  # fmt: skip
    return rng.choice([*wrong, of_pieces(rng), chaos(rng), with_context(rng)])
