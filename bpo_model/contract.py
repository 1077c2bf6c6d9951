"""The contract: a rewrite is sent only if every check passes.

Deterministic and without a model, so that anyone can run it on any rewrite, ours or not:

>>> from bpo_model.contract import verify
>>> [violation.check for violation in verify("laptop under $800", "Which laptop under $900 should I buy?")]
['numbers_kept', 'numbers_invented']
"""

from collections.abc import Callable

from bpo_model.checks import brevity, content, demands, form, kept, names, negations, safety
from bpo_model.config import LengthBudget
from bpo_model.schema import Violation
from bpo_model.split import split

Check = Callable[[str, str], str]
"""(original instruction, candidate) -> what is wrong, or ""."""

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        form.no_template_text,
        form.no_control_characters,
        form.no_loops,
        kept.numbers_kept,
        kept.numbers_invented,
        kept.units_kept,
        kept.links_kept,
        kept.quotes_kept,
        kept.code_kept,
        kept.identifiers_kept,
        kept.codes_kept,
        kept.letters_kept,
        kept.variables_kept,
        names.names_kept,
        names.names_invented,
        content.content_kept,
        negations.negations_kept,
        demands.limits_kept,
        demands.length_invented,
        demands.opposites_kept,
        demands.format_kept,
        brevity.stays_brief,
        demands.scope_kept,
        form.same_language,
        form.still_a_request,
        form.no_answer,
        safety.no_harm_helped,
        safety.danger_invented,
    )
}
"""All checks by the name that users see; `within_length` and `joins_context` need more and come extra."""


def verify(
    original: str, candidate: str, budget: LengthBudget | None = None, *, after: str = ""
) -> tuple[Violation, ...]:
    """Every violation of the contract, in the order of `CHECKS`; none means "send it".

    `after` is the context that follows the instruction in the prompt. An unchanged
    candidate has nothing to prove. The length comes first, because the other checks need
    not read what is far too long.
    """
    if candidate == original:
        return ()
    too_long = form.within_length(original, candidate, budget)
    if too_long:
        return (Violation("within_length", too_long, candidate),)
    found = [(name, check(original, candidate)) for name, check in CHECKS.items()]
    found.append(("joins_context", form.joins_context(original, candidate, after)))
    return tuple(Violation(name, detail, candidate) for name, detail in found if detail)


def verify_prompt(original: str, rewrite: str, budget: LengthBudget | None = None) -> tuple[Violation, ...]:
    r"""Like `verify` for whole prompts: pasted context has to stand in the rewrite byte for byte, in its place.

    >>> [violation.check for violation in verify_prompt("Fix this:\n\nteh cat", "Fix this:\n\nthe cat")]
    ['context_kept']
    """
    parts = split(original)
    end = len(rewrite) - len(parts.after)
    framed = rewrite.startswith(parts.before) and rewrite.endswith(parts.after) and end >= len(parts.before)
    if not framed:
        return (Violation("context_kept", "the context is not there byte for byte", rewrite),)
    return verify(parts.instruction, rewrite[len(parts.before) : end], budget, after=parts.after)
