"""One strange prompt for every number: the same number gives the same prompt, on any machine."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from evals.million.patterns import pieces, pumps

LONGEST = 20_000
"""Characters of the longest runs."""
_VERBS = (
    "explain,write,translate,summarize,list,compare,fix,describe,plan,give me,tell me about,how do i,what is,why does"
)
_THINGS = (
    "my regex,the French Revolution,a poem about tea,this e-mail,3 laptops under $800,index funds,the word 'ciao',"
    "a will and a trust,Lake Como,the function parse_date(),an essay,my landlord's letter,photosynthesis,{topic},"
    "https://example.org/a?b=1,page 12,20% of the cake,GPT-4,no onions,only vegan dishes,J. R. R. Tolkien,5 km"
)
_DEMANDS = (
    "in json,for a 10 year old,without using lists,in at most 50 words,but not in French,please,as a table,"
    "step by step,before Friday,with two examples,(short),and explain why,from English to German,never mention prices"
)
_CONTEXTS = (
    "Hi Jo,\nthe pump broke on 3 May.\nThanks\n",
    "```python\ndef f(x):\n    return x + 1\n```",
    "name;age;city\nAnn;31;Rome\nBob;45;Oslo\n",
    "2026-01-02 10:00:01 ERROR worker[7]: timeout after 30s\n2026-01-02 10:00:02 INFO retry\n",
    "A) Rome\nB) Oslo\nC) Bern\n",
    "User: hello\nAssistant: hi\nUser: what now?\n",
    '{"a": [1, 2, {"b": null}]}',
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "> quoted\n> twice\n\n-- \nsignature",
)
_ENDS = ("", "?", ".", "!", ":", "...", " ?", "\n", "\r\n", "\n\n")
_MARKS = (
    "\u200b",
    "\ufeff",
    "\u202e",
    "\ud800",
    "\udfff",
    "\x00",
    "\x1b[0m",
    "\u0301",
    "ﬁ",
    "İ",
    "ß",
    "٣",
    "½",
    "\u2028",
)


@dataclass(frozen=True, slots=True)
class Input:
    """A prompt, and a text that claims to be a rewrite of it."""

    seed: int
    kind: str
    text: str
    candidate: str


def make(seed: int) -> Input:
    """The input of a number."""
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), WEIGHTS)[0]
    text = KINDS[kind](rng)
    return Input(seed, kind, text, rng.choice(_CANDIDATES)(text, rng))


def request(rng: random.Random) -> str:
    """An ordinary request."""
    verb, thing, demand = (rng.choice(listed.split(",")) for listed in (_VERBS, _THINGS, _DEMANDS))
    text = f"{verb} {thing} {demand}" if rng.random() < 0.6 else f"{verb} {thing}"
    return (text.capitalize() if rng.random() < 0.5 else text) + rng.choice(_ENDS)


def with_context(rng: random.Random) -> str:
    """Requests and pasted text in some order."""
    parts = [request(rng), *rng.sample(_CONTEXTS, rng.randint(1, 2))]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    return rng.choice(("\n\n", "\n", "\r\n\r\n", " ", ": ")).join(parts)


def of_pieces(rng: random.Random) -> str:
    """Dense in what the patterns look for."""
    return "".join(rng.choice(pieces()) + rng.choice(("", "", " ", "\n")) for _ in range(rng.randint(1, 30)))


def chaos(rng: random.Random) -> str:
    """Any characters at all, halves of some among them."""
    top = rng.choice((0x7F, 0xFF, 0x2FFF, 0xFFFF, 0x10FFFF))
    return "".join(chr(rng.randint(0, top)) for _ in range(rng.randint(0, 400)))


def spliced(rng: random.Random) -> str:
    """Two prompts in each other, with odd marks, turned around or doubled."""
    left, right = with_context(rng), of_pieces(rng)
    cut = rng.randint(0, len(left))
    text = left[:cut] + rng.choice(_MARKS) + right + left[cut:]
    return rng.choice((text, text[::-1], text * 2, text.upper(), text.replace(" ", "\u00a0")))


def pumped(rng: random.Random) -> str:
    """What may be repeated, repeated."""
    return rng.choice(pumps()).text(rng.choice((100, 500, 2000)))


def run(rng: random.Random) -> str:
    """One character or piece for very long."""
    unit = rng.choice(pieces())
    return request(rng) + rng.choice(("\n", " ", "")) + unit * (rng.randint(1, LONGEST) // len(unit)) + request(rng)


KINDS: dict[str, Callable[[random.Random], str]] = {
    function.__name__: function for function in (request, with_context, of_pieces, chaos, spliced, pumped, run)
}
WEIGHTS = (20, 25, 25, 10, 15, 4, 1)
"""How often each kind comes, in percent."""


def _damaged(text: str, rng: random.Random) -> str:
    """A character more, less or other."""
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(("", *_MARKS, *pieces())) + text[at + rng.randint(0, 2) :]


_CANDIDATES: tuple[Callable[[str, random.Random], str], ...] = (
    lambda text, rng: text,
    lambda text, rng: f"{text.strip()} Please explain your answer.",
    lambda text, rng: f"{request(rng)} {text}",
    _damaged,
    lambda text, rng: request(rng),
    lambda text, rng: of_pieces(rng),
    lambda text, rng: text.swapcase(),
    lambda text, rng: " ".join(reversed(text.split())),
)
"""(prompt, randomness) -> its rewrite, good or bad."""
