"""What makes an answer of `tasks.jsonl` right: plain functions of the answer and the task's arguments."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?:\s+|$)")
_AROUND = " \t\n.!,;:\"'*`“”‘’"
"""What may stand around an answer of a few words."""


def number(answer: str, value: float) -> bool:
    """The last number of the answer is the value, which is how GSM8K is scored."""
    found = _NUMBER.findall(answer)
    return bool(found) and float(found[-1].replace(",", "")) == value


def words(answer: str, count: int) -> bool:
    """Exactly so many words."""
    return len(answer.split()) == count


def words_between(answer: str, least: int, most: int) -> bool:
    """So many words, both ends included."""
    return least <= len(answer.split()) <= most


def sentences(answer: str, count: int) -> bool:
    """So many stretches of text between full stops, question and exclamation marks."""
    return sum(bool(part.strip()) for part in _SENTENCE_END.split(answer)) == count


def lines(answer: str, count: int) -> bool:
    """So many lines that are not blank."""
    return len(_lines(answer)) == count


def lower_case(answer: str) -> bool:
    """Letters, and none of them a capital."""
    return answer.islower()


def upper_case(answer: str) -> bool:
    """Letters, and all of them capitals."""
    return answer.isupper()


def json_list(answer: str, length: int) -> bool:
    """Nothing but a JSON list of so many strings; a code fence around it is allowed."""
    found = _json(answer)
    return isinstance(found, list) and len(found) == length and all(isinstance(one, str) for one in found)


def json_object(answer: str, keys: Sequence[str]) -> bool:
    """Nothing but a JSON object with exactly these keys; a code fence around it is allowed."""
    found = _json(answer)
    return isinstance(found, dict) and set(found) == set(keys)


def without(answer: str, texts: Sequence[str]) -> bool:
    """None of the texts occurs, in either case."""
    return not any(text.casefold() in answer.casefold() for text in texts)


def contains(answer: str, texts: Sequence[str], times: int = 1) -> bool:
    """Each of the texts occurs so often or more, in either case."""
    return all(answer.casefold().count(text.casefold()) >= times for text in texts)


def starts_with(answer: str, text: str) -> bool:
    """The answer begins so, letter by letter."""
    return answer.startswith(text)


def ends_with(answer: str, text: str) -> bool:
    """The answer ends so, in either case; a full stop or quote after it does not matter."""
    return answer.rstrip(" \n.!\"'*").casefold().endswith(text.casefold())


def wrapped(answer: str, start: str, end: str) -> bool:
    """The marks stand at both ends with something between them."""
    return answer.startswith(start) and answer.endswith(end) and len(answer) > len(start) + len(end)


def one_of(answer: str, options: Sequence[str]) -> bool:
    """The whole answer is one of the options; case and punctuation around it do not matter."""
    return answer.strip(_AROUND).casefold() in {option.casefold() for option in options}


def bullets(answer: str, count: int) -> bool:
    """So many lines that start with a dash, star or dot."""
    return sum(bool(re.match(r"\s*[-*•]\s", line)) for line in _lines(answer)) == count


def numbered(answer: str, count: int) -> bool:
    """The lines that start with a number are numbered from 1 to the count."""
    found = [int(start[1]) for line in _lines(answer) if (start := re.match(r"\W*(\d+)[.):]\s", line))]
    return found == list(range(1, count + 1))


def separated(answer: str, by: str, count: int) -> bool:
    """One line of so many parts, none of them empty."""
    parts = [part.strip(_AROUND) for part in answer.split(by)]
    return "\n" not in answer and len(parts) == count and all(parts)


CHECKS: dict[str, Callable[..., bool]] = {
    check.__name__: check
    for check in (
        number, words, words_between, sentences, lines, lower_case, upper_case, json_list, json_object,
        without, contains, starts_with, ends_with, wrapped, one_of, bullets, numbered, separated,
    )
}  # fmt: skip
"""All checks by the name that tasks use."""


def passes(answer: str, name: str, args: Mapping[str, Any]) -> bool:
    """Whether an answer is right; an empty one never is.

    Raises:
        KeyError: If there is no such check.
    """
    return CHECKS[name](answer.strip(), **args) if answer.strip() else False


def _lines(answer: str) -> list[str]:
    """Lines that are not blank."""
    return [line for line in answer.splitlines() if line.strip()]


def _json(answer: str) -> Any:
    """The value, or None if the answer is no JSON."""
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", answer, re.DOTALL)
    try:
        return json.loads(fenced[1] if fenced else answer)
    except ValueError:
        return None
