"""What a judge decided, read from what it wrote.

A text without a usable verdict is invalid (label None) and says why; it is never guessed, and never an
exception. Nothing a judge writes is executed.
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Label: TypeAlias = Literal["A", "B", "C"]
"""The answer shown first, the one shown second, or a tie."""

_LONGEST = 2000
"""Characters of a list that is still read: two short entries need a hundred."""
_LEADING = re.compile(r"\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.IGNORECASE | re.DOTALL)
_OPENING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSING = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_CLOSED = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.IGNORECASE | re.DOTALL)
_BRACKET = re.compile(r"\\?\[\\?\[\s*+([ABC])\s*+\\?\]\\?\]", re.IGNORECASE)
_BETWEEN = re.compile(
    r"[\s\"'`*]*+(?:[,/|]|or\b|and\b|nor\b)[\s\"'`*,]*+(?:(?:or|and|nor)\b[\s\"'`*]*+)?", re.IGNORECASE
)
"""What stands between the choices of an enumeration, such as `[[A]], [[B]] or [[C]]`."""
_LIST = re.compile(r"\[\s*+\{[^\[\]{}]*+\}\s*+(?:,\s*+\{[^\[\]{}]*+\}\s*+)*+,?\s*+\]")
"""A flat list of dicts, in JSON or as Python writes it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A verdict."""

    label: Label | None
    """None: invalid."""
    how: str
    """Where the verdict stood (`bracket`, `list`), or why there is none (`empty`, `no verdict`, `no list`,
    `names`, `ranks`)."""
    multi: bool = False
    """Whether the text holds verdicts that differ."""


def parse_pairwise(text: str) -> Parsed:
    """The last `[[A]]`, `[[B]]` or `[[C]]`, outside of thoughts and of enumerations of the choices."""
    text = _spoken(text)
    if not text:
        return Parsed(None, "empty")
    labels = [_label(match[1]) for match in _stated(text)]
    if not labels:
        return Parsed(None, "no verdict")
    return Parsed(labels[-1], "bracket", len(set(labels)) > 1)


def parse_ranking(text: str, names: tuple[str, str]) -> Parsed:
    """The first list of `{"model": name, "rank": 1 or 2}`; equal ranks are a tie.

    `names` are those of the answer shown first and of the one shown second. A first list that does not
    rank exactly these two is invalid, whatever follows it.
    """
    text = _spoken(text)
    if not text:
        return Parsed(None, "empty")
    lists = [entries for match in _LIST.finditer(text) if (entries := _read(match[0])) is not None]
    if not lists:
        return Parsed(None, "no list")
    first, *others = [_ranked(entries, names) for entries in lists]
    multi = any(other.label and other.label != first.label for other in others)
    return Parsed(first.label, first.how, multi)


def without_thoughts(text: str) -> str:
    """An answer without the thinking that some models write in front of it.

    Only thinking that opens the text counts, or whose opening tag was in the model's chat template: an
    answer may speak about these tags. A thought that never ends leaves nothing.
    """
    if _LEADING.match(text):
        return _LEADING.sub("", text, count=1).lstrip()
    opening, closing = _OPENING.search(text), _CLOSING.search(text)
    if closing and (opening is None or closing.start() < opening.start()):
        return text[closing.end() :].lstrip()
    return text


def _spoken(text: str) -> str:
    """What a judge says, rather than thinks."""
    text = without_thoughts(text)
    end = max((match.end() for match in _CLOSING.finditer(text)), default=0)
    # Behind the last closing tag no thought is closed; looking for one from every opening tag would take forever.
    return (_CLOSED.sub(" ", text[:end]) + text[end:]).strip()


def _label(letter: str) -> Label:
    """The letter in upper case."""
    choices: dict[str, Label] = {"A": "A", "B": "B", "C": "C"}
    return choices[letter.upper()]


def _stated(text: str) -> list[re.Match[str]]:
    """The brackets that are verdicts: none of a series of different ones, which only names the choices."""
    series: list[list[re.Match[str]]] = []
    for match in _BRACKET.finditer(text):
        if series and _BETWEEN.fullmatch(text, series[-1][-1].end(), match.start()):
            series[-1].append(match)
        else:
            series.append([match])
    return [group[-1] for group in series if len({_label(match[1]) for match in group}) == 1]


def _read(text: str) -> list[Any] | None:
    """A list from its text, or None."""
    if len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return found if isinstance(found, list) else None
    return None


def _ranked(entries: Sequence[Any], names: tuple[str, str]) -> Parsed:
    """The verdict of a list; the order of its entries means nothing."""
    if any(not isinstance(entry, dict) for entry in entries):
        return Parsed(None, "names")
    ranks = [(_name(entry.get("model")), _rank(entry.get("rank"))) for entry in entries]
    if sorted(name for name, _ in ranks) != sorted(map(_name, names)):
        return Parsed(None, "names")
    found = dict(ranks)
    first, second = (found[_name(name)] for name in names)
    if first is None or second is None:
        return Parsed(None, "ranks")
    return Parsed("C" if first == second else "A" if first < second else "B", "list")


def _name(value: object) -> str:
    """A model's name, however it is padded or capitalized."""
    return value.strip().casefold() if isinstance(value, str) else ""


def _rank(value: object) -> int | None:
    """1 or 2, as a number or as text; True is no rank."""
    if isinstance(value, str):
        value = {"1": 1, "2": 2}.get(value.strip())
    return value if type(value) is int and value in {1, 2} else None
