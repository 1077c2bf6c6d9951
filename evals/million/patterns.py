"""What the regular expressions of the product look for, taken from the expressions themselves.

Every compiled pattern of every module is found by walking the package, so a new one is attacked without anybody
having to think of it. Its parsed form says what may be repeated; such a piece, many times over, behind whatever
leads up to it, is where a pattern that backtracks takes its time.
"""

import importlib
import pkgutil
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import bpo_model

# The standard library's own parser, which hypothesis uses as well: ours would be another opinion about the syntax.
_parser: Any = importlib.import_module("re._parser")
MANY = 5
"""A repeat with a smaller limit cannot take long."""
_CLASSES = {"DIGIT": "7", "NOT_DIGIT": "x", "SPACE": " ", "NOT_SPACE": "x", "WORD": "a", "NOT_WORD": "-"}
_ANY = "a7 -._,:;!?'\"()[]{}<>/\\@#$%&*+=|~^`\néA\t’“İ\u0301\x00"
"""Characters of every class that patterns tell apart."""


@dataclass(frozen=True, slots=True)
class Pump:
    """A text that may grow: `head`, then `unit` again and again, then `tail`."""

    pattern: str
    """Where the pattern stands, such as `bpo_model.gate._OPTION`."""
    head: str
    unit: str
    tail: str

    def text(self, length: int) -> str:
        """About so many characters."""
        return self.head + self.unit * max(1, length // len(self.unit)) + self.tail


@cache
def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled pattern at the top level of a module of the package, or in a collection there."""
    modules = [
        module for info in pkgutil.walk_packages(bpo_model.__path__, "bpo_model.") for module in _load(info.name)
    ]
    found = ((f"{module.__name__}.{name}", value) for module in modules for name, value in vars(module).items())
    named = ((name, i, pattern) for name, value in found for i, pattern in enumerate(_inside(value)))
    return {f"{name}[{i}]" if i else name: pattern for name, i, pattern in named}


@cache
def pumps(each: int = 8) -> tuple[Pump, ...]:
    """At most so many different pumps for each pattern, always the same ones."""
    found: dict[tuple[str, str, str], Pump] = {}
    for name, pattern in patterns().items():
        rng = random.Random(name)
        tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        made = [*_repeats(name, tree, "", rng), *_wholes(name, tree, rng)]
        for pump in rng.sample(made, min(each, len(made))):
            found.setdefault((pump.head, pump.unit, pump.tail), pump)
    return tuple(found.values())


@cache
def pieces() -> tuple[str, ...]:
    """Short texts that patterns look for: what they match, what they repeat, single characters."""
    found = {piece for pump in pumps() for piece in (pump.head, pump.unit)} | set(_ANY)
    return tuple(sorted(piece for piece in found if 0 < len(piece) <= 60))


def _load(name: str) -> list[ModuleType]:
    """The module; nothing if it needs a library that is not installed."""
    try:
        return [importlib.import_module(name)]
    except ImportError:
        return []


def _inside(value: object) -> Iterator[re.Pattern[str]]:
    """Patterns of a value, at any depth of dicts, lists and tuples."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _inside(item)


def _repeats(name: str, tree: Iterable[Any], head: str, rng: random.Random) -> Iterator[Pump]:
    """A pump for every repeat, behind a text that leads there."""
    for op, found in tree:
        inner = _inner(str(op), found)
        if "REPEAT" in str(op) and found[1] >= MANY and (unit := _sample(inner[0], rng)):
            yield Pump(name, head, unit, rng.choice(("", "!", "\x00", "\n", "x")))
        for branch in inner:
            yield from _repeats(name, branch, head, rng)
        head += _sample([(op, found)], rng)


def _wholes(name: str, tree: Iterable[Any], rng: random.Random) -> Iterator[Pump]:
    """Matches in a row, and matches in a row of which each lacks its end."""
    for _ in range(3):
        whole = _sample(tree, rng)
        for unit in {whole, whole[:-1], f"{whole} ", f"{whole}\n"} - {""}:
            yield Pump(name, "", unit, rng.choice(("", "!", "\x00")))


def _inner(op: str, found: Any) -> list[Any]:
    """The trees inside a node."""
    if "REPEAT" in op:
        return [found[2]]
    if op == "SUBPATTERN":
        return [found[3]]
    if op == "BRANCH":
        return list(found[1])
    return [found] if op == "ATOMIC_GROUP" else []


def _sample(tree: Iterable[Any], rng: random.Random) -> str:
    """A text that the tree matches, but for what look-arounds and references ask."""
    return "".join(_one(str(op), found, rng) for op, found in tree)


def _one(op: str, found: Any, rng: random.Random) -> str:
    """A text for one node."""
    if op == "LITERAL":
        return chr(found)
    if op in ("ANY", "NOT_LITERAL"):
        return rng.choice([char for char in _ANY if op == "ANY" or ord(char) != found])
    if op == "IN":
        return _of_class(found, rng)
    inner = _inner(op, found)
    if "REPEAT" in op:
        return "".join(_sample(inner[0], rng) for _ in range(min(found[1], max(found[0], rng.randint(0, 2)))))
    return _sample(rng.choice(inner), rng) if inner else ""


def _of_class(members: list[Any], rng: random.Random) -> str:
    """A character of a class."""
    if str(members[0][0]) == "NEGATE":
        excluded = {chr(code) for op, code in members[1:] if str(op) == "LITERAL"}
        excluded |= {char for op, code in members[1:] if str(op) == "CATEGORY" for char in _CLASSES[_category(code)]}
        return rng.choice([char for char in _ANY if char not in excluded])
    op, found = rng.choice(members)
    if str(op) == "CATEGORY":
        return _CLASSES[_category(found)]
    return chr(rng.randint(*found)) if str(op) == "RANGE" else chr(found)


def _category(code: Any) -> str:
    """`CATEGORY_NOT_DIGIT` -> `NOT_DIGIT`."""
    return str(code).removeprefix("CATEGORY_")
