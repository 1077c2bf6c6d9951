"""The cases: one JSONL file a kind, checked as a whole before anything runs.

A case that its own prompt does not pass would blame every rewriter, and a slow regular expression
would stop the run; both are errors here, named by file and line.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.torture.checks import CHECKS, violations

CASES = Path(__file__).parent / "cases"
"""The suite's own."""
FIELDS = ("id", "prompt", "why", "changeable", "checks")


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, and what must be true of every rewrite of it."""

    id: str
    """The kind and two or three digits, such as `urls/07`."""
    kind: str
    """The file's name."""
    prompt: str
    why: str
    """What breaks, and whom it hurts."""
    changeable: bool
    """A good rewriter could improve the prompt and hold all checks; else the best rewrite is none."""
    checks: Mapping[str, Any]
    """Arguments by the name of the check (checks.CHECKS)."""


def load_cases(folder: Path = CASES, kinds: Collection[str] = ()) -> list[Case]:
    """All cases, by kind and in the order of the files; only some kinds if they are named.

    Raises:
        ValueError: If a file has errors, all of them with file and line; if there is no such kind, or no case.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.jsonl"))}
    if unknown := sorted(set(kinds) - set(files)):
        raise ValueError(f"no kind {', '.join(unknown)}; known: {', '.join(files) or f'none in {folder.name}/'}")
    cases, errors = list[Case](), list[str]()
    for kind, file in files.items():
        if not kinds or kind in kinds:
            _read(file, cases, errors)
    if errors or not cases:
        raise ValueError("\n".join(errors) or f"no cases: {folder.name}/ has no file NAME.jsonl with a line")
    return cases


def _read(file: Path, cases: list[Case], errors: list[str]) -> None:
    """Add a file's cases and errors to the lists."""
    known = {case.id for case in cases}
    # Not splitlines, which also splits at characters that JSON leaves as they are.
    for number, line in enumerate(file.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            case = _parse(line, file.stem)
            if case.id in known:
                raise ValueError(f"id {case.id!r} is not the only one")
        except ValueError as error:
            errors.append(f"{file.name}:{number}: {error}")
        else:
            known.add(case.id)
            cases.append(case)


def _parse(line: bytes, kind: str) -> Case:
    """One line's case, or a ValueError that says what to change."""
    row = json.loads(line)
    if not isinstance(row, dict) or set(row) != set(FIELDS):
        raise ValueError(f"needs an object with exactly the fields {', '.join(FIELDS)}")
    for name, holds, wanted in _FIELD_RULES:
        if not holds(row[name], kind):
            raise ValueError(f"{name} must be {wanted}, got {row[name]!r:.80}")
    _check_arguments(row["checks"])
    if row["changeable"] and "unchanged" in row["checks"]:
        raise ValueError("changeable and unchanged contradict each other")
    case = Case(kind=kind, **row)
    if broken := violations(case, case.prompt):
        raise ValueError(f"its own prompt breaks {'; '.join(f'{one.check}: {one.detail}' for one in broken)}")
    return case


_FIELD_RULES: tuple[tuple[str, Callable[[Any, str], bool], str], ...] = (
    ("id", lambda id, kind: isinstance(id, str) and bool(re.fullmatch(rf"{re.escape(kind)}/[0-9]{{2,3}}", id)),
     "the file's name, a slash and two or three digits"),
    ("prompt", lambda prompt, _: _text(prompt), "text"),
    ("why", lambda why, _: _text(why), "text"),
    ("changeable", lambda flag, _: isinstance(flag, bool), "true or false"),
    ("checks", lambda checks, _: isinstance(checks, dict) and bool(checks), "an object with at least one check"),
)  # fmt: skip


def _check_arguments(checks: Mapping[str, Any]) -> None:
    """Names and arguments of the checks."""
    for name, argument in checks.items():
        if name not in CHECKS:
            raise ValueError(f"no check {name!r}; known: {', '.join(CHECKS)}")
        holds, wanted = _ARGUMENTS[name]
        if not holds(argument):
            raise ValueError(f"{name} must be {wanted}, got {argument!r:.80}")
    for pattern in checks.get("forbid_new", ()):
        if fault := slow_or_wrong(pattern):
            raise ValueError(f"forbid_new, {pattern!r}: {fault}")


def slow_or_wrong(pattern: str) -> str:
    """Why a regular expression is refused, or "".

    Refused are groups that repeat without limit and hold a repetition or a choice, which may take exponential time,
    and references to groups.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no regular expression: {error}"
    bare = re.sub(r"\\[^1-9]", "_", pattern)  # an escaped character repeats and groups nothing
    if re.search(r"\\[1-9]|\(\?P=", bare):
        return "refers to a group"
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "_", bare)
    # From the innermost group outwards: one that is harmless becomes a letter.
    while group := re.search(r"\(([^()]*)\)([*+]|\{\d*,\d*\})?", bare):
        if group[2] and re.search(r"[*+|]|\{\d*,", group[1]):
            return "repeats a group that repeats or chooses"
        bare = bare[: group.start()] + ("_+" if re.search(r"[*+]|\{\d*,", group[0]) else "_") + bare[group.end() :]
    return ""


def _text(value: object) -> bool:
    """A string that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def _texts(value: object) -> bool:
    """A list of strings that are not empty; a blank one may be meant."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


_ARGUMENTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("keep", "keep_block", "order", "forbid"), (_texts, "a list of texts")),
    "forbid_new": (_texts, "a list of regular expressions"),
    "keep_any": (lambda value: isinstance(value, list) and bool(value) and all(map(_texts, value)),
                 "a list of lists of texts"),
    "unchanged": (lambda value: value is True, "true"),
    "max_words": (lambda value: type(value) is int and value > 0, "a whole number from 1"),
    "script": (lambda value: isinstance(value, str) and bool(re.fullmatch(r"[A-Z]+(\|[A-Z]+)*", value)),
               "names of scripts in capitals, such as CYRILLIC or HIRAGANA|KATAKANA|CJK"),
}  # fmt: skip
