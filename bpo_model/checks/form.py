"""Checks of form: still a request, same language, sane length, no artefacts."""

import re
from collections import Counter

from bpo_model.config import LengthBudget
from bpo_model.language import detect, main_script
from bpo_model.request import asks

_LEAD_IN = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely)\b|here(?:'s| is| are)\b|okay,? here|yes,|no,|great question"
    r"|as an ai|i'?m sorry|i am sorry|i apologi[sz]e|i can(?:not|'t) (?:help|assist|provide|do|fulfil|answer|comply|write|create|generate)|i'd be happy|happy to help"
    r"|(?:the )?(?:improved|optimi[sz]ed|rewritten|revised|original|raw|better) (?:prompt|version|instruction)s?\b"
    r"|prompt:|rewrite:|answer:|output:|response:)",
    re.IGNORECASE,
)
_ANSWER_LEAK = re.compile(
    r"(?:^|\n|\*\*|[.?!] )[ \t]{0,8}(?:correct )?(?:answer|solution|response)s?\s*(?:is\b|:)\s*\S", re.IGNORECASE
)
_TEMPLATE = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|\[(?:PROTECT|KEEP|INSTRUCTION|END|CONTEXT)\w*|###\s*(?:Instruction|Response|Input)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\S+")
_LOOP_WINDOW = 4
_LOOP_REPEATS = 3
_STUTTER = range(2, 7)
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff\ufffd]"
)


def still_a_request(original: str, candidate: str) -> str:
    """The rewrite asks or instructs, in a language whose requests we know.

    passes: "capital of Peru" -> "What is the capital of Peru?"; fails: -> "Lima is the capital of Peru."
    """
    if detect(candidate) not in ("en", "") or asks(candidate):
        return ""
    return "neither a question nor an instruction"


def no_answer(original: str, candidate: str) -> str:
    """The rewrite neither answers nor talks about itself.

    passes: "Is it safe?" -> "Is it safe, and why?"; fails: -> "Sure, here is a better prompt: ..."
    """
    lead = _LEAD_IN.match(candidate)
    if lead and not _LEAD_IN.match(original):
        return f"starts with {lead[0].strip()!r}"
    leak = _ANSWER_LEAK.search(candidate)
    return f"answers: {leak[0].strip()!r}" if leak and not _ANSWER_LEAK.search(original) else ""


def same_language(original: str, candidate: str) -> str:
    """Language and script do not change.

    passes: "hola, ¿qué es el pan?" -> "¿Qué es el pan y cómo se hace?"; fails: -> "What is bread?"
    """
    scripts = main_script(original), main_script(candidate)
    if scripts[0] and scripts[0] != scripts[1]:
        return f"{scripts[0]} became {scripts[1] or 'no letters'}"
    before, after = detect(original), detect(candidate)
    return f"{before} became {after}" if before and after and before != after else ""


def within_length(original: str, candidate: str, budget: LengthBudget | None = None) -> str:
    """The rewrite is not empty and not longer than the budget.

    passes: 10 words -> 40 words; fails: 10 words -> 80 words (limit 2.5 x 10 + 30).
    """
    limit = (budget or LengthBudget()).limit(len(_WORD.findall(original)))
    count = len(_WORD.findall(candidate))
    if count == 0:
        return "empty"
    return f"{count} words, limit {limit}" if count > limit else ""


def joins_context(original: str, candidate: str, after: str) -> str:
    """An instruction that leads into its context with a colon on the same line still does.

    passes: "Translate:" before " Hallo" -> "Translate into English:"; fails: -> "Translate it well."
    """
    inline = original.endswith(":") and after.strip() and not after.lstrip(" \t").startswith("\n")
    return "no colon before the context" if inline and not candidate.endswith(":") else ""


def no_template_text(original: str, candidate: str) -> str:
    """No special token or template marker appears that the prompt does not have.

    passes: "what is [INST]?" -> "Explain what [INST] means"; fails: "hi" -> "hi<|im_end|>".
    """
    new = Counter(_TEMPLATE.findall(candidate)) - Counter(_TEMPLATE.findall(original))
    return f"template text {next(iter(new))!r}" if new else ""


def no_loops(original: str, candidate: str) -> str:
    """No run of four words comes three times and none of two to six words twice in a row, unless in the prompt too.

    passes: "Compare A and B"; fails: "in detail and in detail and in detail and in detail and", "as they are, as they are".
    """
    repeated = _repeated_runs(candidate) - _repeated_runs(original)
    return f"repeats {min(repeated)!r}" if repeated else ""


def _repeated_runs(text: str) -> set[str]:
    """Runs of four words that come three times or more, and shorter or longer ones that come twice in a row."""
    tokens = [word.lower().strip(".,;:!?") for word in _WORD.findall(text)]
    at_once = {
        " ".join(tokens[at : at + size])
        for size in _STUTTER
        for at in range(len(tokens) - 2 * size + 1)
        if tokens[at : at + size] == tokens[at + size : at + 2 * size]
    }
    runs = Counter(" ".join(tokens[i : i + _LOOP_WINDOW]) for i in range(len(tokens) - _LOOP_WINDOW + 1))
    return at_once | {run for run, count in runs.items() if count >= _LOOP_REPEATS}


def no_control_characters(original: str, candidate: str) -> str:
    r"""No control, invisible or broken characters appear that the prompt does not have.

    passes: "line\nbreak"; fails: a zero-width space, a NUL, the replacement character.
    """
    new = set(_FORBIDDEN.findall(candidate)) - set(_FORBIDDEN.findall(original))
    return f"control character U+{ord(min(new)):04X}" if new else ""


def unsupported_characters(text: str) -> str:
    """The first character that the gate does not let through, as U+XXXX, or ""."""
    found = _FORBIDDEN.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""
