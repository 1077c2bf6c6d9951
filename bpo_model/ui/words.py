"""Plain sentences for what the library names in one word."""

from typing import Literal

from bpo_model.contract import CHECKS
from bpo_model.schema import Reason, Strategy

WHY: dict[Reason, str] = {
    Reason.REWRITTEN: "The rewrite passed every check of the contract.",
    Reason.UNCHANGED: "The model looked at it and had nothing to add.",
    Reason.REJECTED: "Every rewrite that the model tried failed a check, so none is shown as yours.",
    Reason.SWITCHED_OFF: "Rewriting is switched off.",
    Reason.BLANK: "There is no text in it.",
    Reason.NO_USER_TEXT: "There is no text of yours in it.",
    Reason.ALREADY_OPTIMIZED: "This is a rewrite already. Rewriting it again would only make it drift.",
    Reason.TOO_LONG: "It is longer than this model can read, and a prompt is never cut.",
    Reason.UNSUPPORTED_CHARACTERS: "It holds invisible or broken characters, which a rewrite could lose unseen.",
    Reason.LANGUAGE: "It is in a language that this model was not trained on.",
    Reason.NOT_A_REQUEST: "It is code, data, a command or a link: there is no request in it to improve.",
    Reason.SMALL_TALK: "It asks for nothing.",
    Reason.FOLLOW_UP: "It makes sense only after an earlier turn, which is not here.",
    Reason.UNCLEAR_INSTRUCTION: "It has several lines, and none of them is clearly the request.",
    Reason.ALREADY_SPECIFIC: "It says in detail what it wants. Rewriting such prompts does not help.",
    Reason.MULTIPLE_CHOICE: "It is a multiple-choice question, where rewriting is known to hurt.",
    Reason.MATH_PROBLEM: "It is a calculation, where rewriting is known to hurt.",
    Reason.DEADLINE: "The time ran out before a verified rewrite was there.",
    Reason.ERROR: "The model failed.",
}
STRATEGIES: dict[Strategy, str] = {
    Strategy.EXPLANATION: "Asks for reasons or an explanation",
    Strategy.ELABORATION: "Says more exactly what is wanted",
    Strategy.HINTS: "Names points that the answer should cover",
    Strategy.SAFETY: "Turns the request to the safe side",
}
_OTHER_CHECKS = {
    "within_length": "The rewrite is neither empty nor much longer than the prompt.",
    "joins_context": "An instruction that leads into pasted text with a colon still does.",
    "finished": "The model came to an end by itself.",
}
Again = Literal["", "always", "aggressive"]
_OPINIONS = frozenset({
    Reason.ALREADY_OPTIMIZED, Reason.LANGUAGE, Reason.NOT_A_REQUEST, Reason.SMALL_TALK, Reason.FOLLOW_UP,
    Reason.UNCLEAR_INSTRUCTION, Reason.ALREADY_SPECIFIC, Reason.MULTIPLE_CHOICE, Reason.MATH_PROBLEM,
})  # fmt: skip
"""Reasons of the gate that rewrite="always" overrules."""


def check_sentence(name: str) -> str:
    """What a check of the contract demands: the first line of its own docstring, so that the two cannot differ."""
    documented = (CHECKS[name].__doc__ or "") if name in CHECKS else ""
    return _OTHER_CHECKS.get(name) or documented.split("\n")[0] or name.replace("_", " ")


def checks_passed() -> list[str]:
    """Names of all checks that a rewrite has passed when it goes out, in the order of the contract."""
    return ["finished", "within_length", *CHECKS, "joins_context"]


def offer(reason: Reason) -> Again:
    """What could still give a rewrite: skip the gate, sample more, or nothing."""
    if reason in _OPINIONS:
        return "always"
    return "aggressive" if reason in (Reason.UNCHANGED, Reason.REJECTED) else ""
