"""Which of the teacher's rewrites become pairs: the paper's rules, no leaked answer, and the run-time contract."""

import re

from bpo_model.contract import verify
from training.data.teaching.joining import joining_for
from training.data.teaching.teacher import Outcome
from training.data.types import Pair, Preference, Reject

MOST_SHORTENED = 2.0
"""Words of the instruction per word of the rewrite; the paper's released filter, as is the next."""
MOST_LENGTHENED = 6.0
REPEATED_WORDS = 8
"""So many words in a row from the context are a quotation; a shorter context counts as a whole."""
SHARED_WORDS = 4
"""So many words in a row that stand in rewrite and preferred answer are shared."""
MOST_LEAKED = 4
"""New words in shared runs that a rewrite may have.

Chosen on texts of known kind: 0.1% of 1,597 rewrites written with care not to leak have more, 10% of 200 by the
paper's teacher (those looked at do give the answer away), 83% of the first 1,597's instructions with 10 words of
the answer put behind, 96% with 20. Words of the instruction do not count: a good answer repeats the question.
"""
_WORD = re.compile(r"\w+")


def to_pair(preference: Preference, outcome: Outcome) -> Pair | Reject:
    """The pair that a row gives, or the first reason why it gives none.

    A rewrite equal to the instruction is a pair: it teaches to leave a good prompt alone.
    """
    if outcome.status != "ok":
        return _reject(preference, f"teacher:{outcome.status}", outcome.detail)
    optimized = outcome.optimized_instruction
    if optimized != preference.instruction:
        for rule in (_length, _repeats_context, _leaks, _breaks_contract):
            reason, detail = rule(preference, optimized)
            if reason:
                return _reject(preference, reason, detail)
    return _pair(preference, outcome)


def leaked_words(preference: Preference, optimized: str) -> list[str]:
    """The words of a rewrite that are new and stand in a run of words which the preferred answer has too."""
    known = set(_words(f"{preference.instruction}\n{preference.context}"))
    new, shared = _words(optimized), _runs(_words(preference.chosen), SHARED_WORDS)
    covered: set[int] = set()
    for start in range(len(new) - SHARED_WORDS + 1):
        if tuple(new[start : start + SHARED_WORDS]) in shared:
            covered.update(range(start, start + SHARED_WORDS))
    return [new[place] for place in sorted(covered) if new[place] not in known]


def _length(preference: Preference, optimized: str) -> tuple[str, str]:
    """The paper's word ratios, for rows without context."""
    before, after = len(preference.instruction.split()), len(optimized.split())
    if preference.context:
        return "", ""
    if before > MOST_SHORTENED * after:
        return "shortened", f"{before} words became {after}"
    return ("lengthened", f"{before} words became {after}") if after > MOST_LENGTHENED * before else ("", "")


def _repeats_context(preference: Preference, optimized: str) -> tuple[str, str]:
    """Context inside of the rewrite would be there twice, and at run time the optimizer does not even see it."""
    context = _words(preference.context)
    length = min(len(context), REPEATED_WORDS)
    if not length:
        return "", ""
    own = _runs(_words(preference.instruction), length)
    repeated = (_runs(_words(optimized), length) - own) & _runs(context, length)
    return ("context_repeated", " ".join(min(repeated))) if repeated else ("", "")


def _leaks(preference: Preference, optimized: str) -> tuple[str, str]:
    """Nobody who asks knows the answer: a rewrite that holds parts of it teaches to invent."""
    leaked = leaked_words(preference, optimized)
    return ("answer_leaked", " ".join(leaked)) if len(leaked) > MOST_LEAKED else ("", "")


def _breaks_contract(preference: Preference, optimized: str) -> tuple[str, str]:
    """What run time would throw away must not be learned."""
    violations = verify(preference.instruction, optimized)
    return (f"contract:{violations[0].check}", violations[0].detail) if violations else ("", "")


def _pair(preference: Preference, outcome: Outcome) -> Pair:
    """Both prompts, with the context in the same place."""
    prompt, optimized = preference.instruction, outcome.optimized_instruction
    if preference.context:
        joining = joining_for(preference.id, prompt, optimized)
        prompt, optimized = joining.join(prompt, preference.context), joining.join(optimized, preference.context)
    return Pair(
        preference.id, preference.source, preference.source_id, preference.licence, preference.instruction,
        preference.context, preference.chosen, preference.rejected, outcome.critique, outcome.optimized_instruction,
        prompt, optimized, outcome.teacher, outcome.template, outcome.key,
    )  # fmt: skip


def _reject(preference: Preference, reason: str, detail: str) -> Reject:
    """A reject of this stage."""
    return Reject(preference.id, preference.source, "construct", reason, detail)


def _words(text: str) -> list[str]:
    """Words for comparing."""
    return [word.casefold() for word in _WORD.findall(text)]


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    """All runs of so many words."""
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
