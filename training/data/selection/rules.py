"""Rules against low quality: what is no single readable request with two different answers.

The paper names such rules ("too short instructions") but gives none. These are meant to cut little: of the real
HH-RLHF and OASST prompts about one in a hundred. What only decides whether rewriting *helps* (mathematics,
multiple choice, detailed prompts) is no fault of a row, and stays.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bpo_model import gate
from bpo_model.checks.form import no_template_text, unsupported_characters
from bpo_model.config import GatePolicy
from bpo_model.language import detect, speaks
from bpo_model.schema import Reason
from bpo_model.split import split
from training.data.selection.text import count_words, normalised, prompt_of
from training.data.types import Preference, Reject

LETTERS_A_WORD = 8
"""A "word" longer than this counts as several, so that one of ten thousand letters is not short."""
_ASKS_NOTHING = (Reason.SMALL_TALK, Reason.FOLLOW_UP, Reason.NOT_A_REQUEST, Reason.UNCLEAR_INSTRUCTION)
"""What the gate leaves alone at run time, and the trainer drops, since there is nothing to rewrite by itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rules compare with; `SelectConfig` says what is meant."""

    min_words: int
    max_words: int
    languages: tuple[str, ...]


def apply_rules(rows: Iterable[Preference], limits: Limits) -> tuple[list[Preference], list[Reject]]:
    """The rows that no rule objects to, in their order, and the others with the first rule that does."""
    kept, rejects = [], []
    for row in rows:
        reject = objection(row, limits)
        if reject:
            rejects.append(reject)
        else:
            kept.append(row)
    return kept, rejects


def objection(row: Preference, limits: Limits) -> Reject | None:
    """The first rule that a row breaks, or None."""
    for reason, rule in RULES.items():
        detail = rule(row, limits)
        if detail:
            return Reject(row.id, row.source, "select", reason, detail)
    nothing = _asks_nothing(row)
    return Reject(row.id, row.source, "select", nothing.value, row.instruction[:80]) if nothing else None


def _empty_answer(row: Preference, limits: Limits) -> str:
    missing = [name for name, text in (("chosen", row.chosen), ("rejected", row.rejected)) if not text.strip()]
    return " and ".join(missing)


def _identical_answers(row: Preference, limits: Limits) -> str:
    return row.chosen[:80] if normalised(row.chosen) == normalised(row.rejected) else ""


def _unsupported_characters(row: Preference, limits: Limits) -> str:
    return unsupported_characters(prompt_of(row))


def _no_letters(row: Preference, limits: Limits) -> str:
    return "" if any(map(str.isalpha, row.instruction)) else repr(row.instruction[:80])


def _template_text(row: Preference, limits: Limits) -> str:
    return no_template_text("", prompt_of(row))


def _too_short(row: Preference, limits: Limits) -> str:
    words = count_words(prompt_of(row))
    return f"{words} words, at least {limits.min_words}" if words < limits.min_words else ""


def _too_long(row: Preference, limits: Limits) -> str:
    prompt = prompt_of(row)
    words = max(count_words(prompt), len(prompt) // LETTERS_A_WORD)
    return f"{words} words, at most {limits.max_words}" if words > limits.max_words else ""


def _language(row: Preference, limits: Limits) -> str:
    """What the source says; only if it says nothing, what the words look like."""
    tag = row.language.lower().replace("_", "-").split("-")[0]
    if not limits.languages or tag in limits.languages or (not tag and speaks(row.instruction, limits.languages)):
        return ""
    return tag or detect(row.instruction)


RULES: dict[str, Callable[[Preference, Limits], str]] = {
    "empty_answer": _empty_answer,
    "identical_answers": _identical_answers,
    "unsupported_characters": _unsupported_characters,
    "no_letters": _no_letters,
    "template_text": _template_text,
    "too_short": _too_short,
    "too_long": _too_long,
    "language": _language,
}
"""Reason -> what is wrong, or "". After these come the gate's own reasons, see `objection`."""


def _asks_nothing(row: Preference) -> Reason | None:
    """The gate's reason, if the prompt has no request of its own.

    A row with a context of its own is a task on that context, which the gate cannot know: "make it shorter"
    then points at it. What a request looks like the gate knows in English only.
    """
    if row.context or detect(row.instruction) not in ("en", ""):
        return None
    parts, policy = split(row.instruction), GatePolicy()
    return next((r for r in _ASKS_NOTHING if gate.RULES[r](row.instruction, parts, policy, False)), None)
