"""Which checks of its case a rewrite breaks: plain string work in linear time, no model, no judge."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from evals.torture.universal import UNIVERSAL, unreadable

if TYPE_CHECKING:
    from evals.torture.cases import Case

Check: TypeAlias = Callable[[str, str, Any], str]
"""(prompt, rewrite, the case's argument) -> what is wrong, or ""."""
SHOWN = 60
"""Characters of a span that a detail shows."""
DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that a rewrite does not hold."""

    check: str
    detail: str
    """What was lost, added or wrong, for people; holds text of the prompt or the rewrite."""


def violations(case: "Case", rewrite: object) -> list[Broken]:
    """Everything that is wrong with a rewrite; whatever it is, this neither raises nor takes long."""
    stop = unreadable(case.prompt, rewrite)
    if stop or not isinstance(rewrite, str):
        return [Broken(*stop)] if stop else []
    found = [(name, CHECKS[name](case.prompt, rewrite, argument)) for name, argument in case.checks.items()]
    found += [(name, check(case.prompt, rewrite)) for name, check in UNIVERSAL.items()]
    return [Broken(name, detail) for name, detail in found if detail]


def keep(prompt: str, rewrite: str, spans: Sequence[str]) -> str:
    """Every span byte for byte, as often as in the prompt; `5` is not kept by `15` or `5.5`."""
    return _listed("lost", [span for span in spans if _count(span, rewrite, prompt) < _needed(span, prompt)])


def keep_any(prompt: str, rewrite: str, groups: Sequence[Sequence[str]]) -> str:
    """Of every group one wording at least, in any case of letters."""
    before, after = prompt.casefold(), rewrite.casefold()
    lost = [group for group in groups if not any(_count(one.casefold(), after, before) for one in group)]
    return _listed("none of", [" / ".join(group) for group in lost])


def keep_block(prompt: str, rewrite: str, blocks: Sequence[str]) -> str:
    """Pasted context byte for byte and in one piece."""
    return _listed("damaged", [block for block in blocks if block not in rewrite])


def order(prompt: str, rewrite: str, spans: Sequence[str]) -> str:
    """All spans, each first seen no earlier than the one before it."""
    places = [rewrite.find(span) for span in spans]
    missing = [span for span, place in zip(spans, places, strict=True) if place < 0]
    if missing:
        return _listed("lost", missing)
    return _listed("other order than", [" < ".join(spans)]) if places != sorted(places) else ""


def forbid(prompt: str, rewrite: str, spans: Sequence[str]) -> str:
    """No span of these anywhere, in any case of letters."""
    text = rewrite.casefold()
    return _listed("holds", [span for span in spans if span.casefold() in text])


def forbid_new(prompt: str, rewrite: str, patterns: Sequence[str]) -> str:
    """No pattern more often than in the prompt."""
    more = [pattern for pattern in patterns if _matches(pattern, rewrite) > _matches(pattern, prompt)]
    return _listed("more matches of", more)


def unchanged(prompt: str, rewrite: str, wanted: bool) -> str:
    """The prompt itself, byte for byte."""
    return "changed" if rewrite != prompt else ""


def max_words(prompt: str, rewrite: str, limit: int) -> str:
    """At most so many words."""
    words = len(rewrite.split())
    return f"{words} words, limit {limit}" if words > limit else ""


def script(prompt: str, rewrite: str, names: str) -> str:
    """At least half of the letters from these scripts, named as Unicode's names of characters start."""
    letters = Counter(char for char in rewrite if char.isalpha())
    known = tuple(names.split("|"))
    right = sum(count for char, count in letters.items() if unicodedata.name(char, "").startswith(known))
    return "" if right and 2 * right >= letters.total() else f"{right} of {letters.total()} letters are {names}"


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (keep, keep_any, keep_block, order, forbid, forbid_new, unchanged, max_words, script)
}
"""What a case's `checks` may name."""


def _needed(span: str, prompt: str) -> int:
    """At least once, so that a case cannot pass with a span that its own prompt does not have."""
    return max(1, _count(span, prompt, prompt))


def _count(span: str, text: str, prompt: str) -> int:
    """How often a span stands in a text: a number at its edge must end there, as far as it does in the prompt."""
    alone = _alone(span)
    return len(alone.findall(text)) if alone.search(prompt) or span not in prompt else text.count(span)


def _alone(span: str) -> re.Pattern[str]:
    """The span, with no further digit that would make its first or last number another one."""
    before = r"(?<![0-9])(?<![0-9][.,])" if span[0] in DIGITS else ""
    after = r"(?![.,]?[0-9])" if span[-1] in DIGITS else ""
    return re.compile(before + re.escape(span) + after)


def _matches(pattern: str, text: str) -> int:
    """Matches without overlap."""
    return sum(1 for _ in re.finditer(pattern, text))


def _listed(what: str, items: Sequence[str]) -> str:
    """Such as `lost '$800', '3 people'`; "" without items."""
    return f"{what} {', '.join(repr(_short(item)) for item in items)}" if items else ""


def _short(text: str) -> str:
    """The start of a long text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
