"""Ways to spoil a rewrite, as small models do; each returns the spoiled text, or None where it does not apply."""

import random
import re
from collections.abc import Callable

Damage = Callable[[str, str, random.Random], str | None]
"""(user's instruction, good rewrite of it, randomness) -> the spoiled rewrite."""

SPANISH = {
    "water": "agua", "house": "casa", "book": "libro", "city": "ciudad", "people": "personas", "school": "escuela",
    "story": "historia", "food": "comida", "money": "dinero", "friend": "amigo", "letter": "carta", "music": "musica",
    "children": "ninos", "company": "empresa", "history": "historia", "health": "salud", "family": "familia",
    "country": "pais", "world": "mundo", "animals": "animales", "week": "semana", "car": "coche", "job": "trabajo",
}  # fmt: skip
_NUMBER = re.compile(r"\d+")
_NEGATION = re.compile(r"\b(?:do not|don't|not|never|without|no)\s+", re.IGNORECASE)
_VERB = re.compile(r"\b(?:should|can|could|must|will|is|are|was|were)\b(?! not)")
_QUOTED = re.compile(r'"([^"\n]{2,60})"')
_WORD = re.compile(r"\b[a-z]{4,}\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_VARIABLE = re.compile(r"\{\{?\w+\}?\}|\$\w+|<[A-Z_]+>|\[[A-Z_]+\]")
_STOP = frozenset(
    "that this with from have what when where which while about into your their them they would could should "
    "there these those been being will also each some such than then more most very just like make please".split()
)


def drop_number(prompt: str, good: str, rng: random.Random) -> str | None:
    """The user's number is gone."""
    return _replace(good, _numbers(prompt, good), "", rng)


def change_number(prompt: str, good: str, rng: random.Random) -> str | None:
    """The user's number is another one."""
    found = _numbers(prompt, good)
    match = rng.choice(found) if found else None
    return match and good[: match.start()] + str(int(match[0]) + 1) + good[match.end() :]


def add_number(prompt: str, good: str, rng: random.Random) -> str | None:
    """A number that nobody asked for."""
    return f"{good.rstrip()} Give exactly 17 examples."


def drop_negation(prompt: str, good: str, rng: random.Random) -> str | None:
    """What was excluded is wanted now."""
    return _replace(good, list(_NEGATION.finditer(good)), "", rng) if _NEGATION.search(prompt) else None


def add_negation(prompt: str, good: str, rng: random.Random) -> str | None:
    """What was wanted is excluded now."""
    shared = [match for match in _VERB.finditer(good) if match[0] in prompt]
    match = rng.choice(shared) if shared else None
    return match and f"{good[: match.end()]} not{good[match.end() :]}"


def change_quote(prompt: str, good: str, rng: random.Random) -> str | None:
    """Quoted text with a letter less."""
    shared = [match for match in _QUOTED.finditer(good) if match[1] in prompt]
    match = rng.choice(shared) if shared else None
    return match and good[: match.start(1)] + match[1][:-1] + good[match.end(1) :]


def swap_quotes(prompt: str, good: str, rng: random.Random) -> str | None:
    """Two quotations change places."""
    shared = [match for match in _QUOTED.finditer(good) if match[1] in prompt]
    if len(shared) < 2 or shared[0][1] == shared[1][1]:
        return None
    first, second = shared[:2]
    between = good[first.end(1) : second.start(1)]
    return good[: first.start(1)] + second[1] + between + first[1] + good[second.end(1) :]


def drop_variable(prompt: str, good: str, rng: random.Random) -> str | None:
    """A placeholder is gone."""
    return _replace(good, [match for match in _VARIABLE.finditer(good) if match[0] in prompt], "it", rng)


def translate_word(prompt: str, good: str, rng: random.Random) -> str | None:
    """A word of the user's in Spanish."""
    found = [match for match in _shared_words(prompt, good) if match[0] in SPANISH]
    match = rng.choice(found) if found else None
    return match and good[: match.start()] + SPANISH[match[0]] + good[match.end() :]


def drop_word(prompt: str, good: str, rng: random.Random) -> str | None:
    """A content word of the user's is gone everywhere."""
    found = _shared_words(prompt, good)
    match = rng.choice(found) if found else None
    return match and re.sub(rf"\b{re.escape(match[0])}\w*\s?", "", good, flags=re.IGNORECASE)


def cut_end(prompt: str, good: str, rng: random.Random) -> str | None:
    """The second half is missing, as where generation stopped early."""
    words = good.split(" ")
    return " ".join(words[: len(words) // 2]) if len(words) >= 8 else None


def invent_link(prompt: str, good: str, rng: random.Random) -> str | None:
    """A source that the user did not give."""
    return f"{good.rstrip()} Use https://example.com/facts as the source."


def invent_name(prompt: str, good: str, rng: random.Random) -> str | None:
    """A person that the user did not name."""
    return f"{good.rstrip()} Write it for Ottoline Vexley."


def answer_instead(prompt: str, good: str, rng: random.Random) -> str | None:
    """An answer in place of the prompt."""
    return f"Sure! {prompt.rstrip('?.! ')} is easy: first you look at it, then you decide, and that is all."


def loop(prompt: str, good: str, rng: random.Random) -> str | None:
    """The last sentence again and again."""
    last = _SENTENCE.split(good.strip())[-1]
    return f"{good} {' '.join([last] * 8)}"


def leak_template(prompt: str, good: str, rng: random.Random) -> str | None:
    """Text of a chat template."""
    return f"{good} [/INST] Improved prompt:"


KINDS: dict[str, Damage] = {
    kind.__name__: kind
    for kind in (
        drop_number, change_number, add_number, drop_negation, add_negation, change_quote, swap_quotes, drop_variable,
        translate_word, drop_word, cut_end, invent_link, invent_name, answer_instead, loop, leak_template,
    )
}  # fmt: skip


def _numbers(prompt: str, good: str) -> list[re.Match[str]]:
    asked = set(_NUMBER.findall(prompt))
    return [match for match in _NUMBER.finditer(good) if match[0] in asked]


def _shared_words(prompt: str, good: str) -> list[re.Match[str]]:
    asked = set(_WORD.findall(prompt)) - _STOP
    return [match for match in _WORD.finditer(good) if match[0] in asked]


def _replace(text: str, found: list[re.Match[str]], by: str, rng: random.Random) -> str | None:
    if not found:
        return None
    match = rng.choice(found)
    return re.sub(" {2,}", " ", text[: match.start()] + by + text[match.end() :])
