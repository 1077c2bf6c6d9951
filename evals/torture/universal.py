r"""Checks that hold for every rewrite of every prompt, and need not be written into a case.

Written for this suite on their own: nothing here comes from the product's contract, whose gaps they
are meant to find.

>>> no_comment("cats", "Here is the improved prompt: Tell me about cats.")
"comments: 'Here is the improved prompt'"
"""

import re
import unicodedata
from collections.abc import Callable

WORDS_FACTOR = 6
"""Words of a rewrite: at most so many times those of the prompt, ..."""
EXTRA_WORDS = 60
"""... and so many more."""
EXTRA_CHARACTERS = 2_000
"""Room for long words, and for scripts without spaces; the factor is the same."""
LONGEST_RUN = 1_000
"""Characters without a break; nobody writes such words, and regular expressions become slow on them."""

_RUN = re.compile(rf"\w{{{LONGEST_RUN + 1},}}|\s{{{LONGEST_RUN + 1},}}")
_BLANKS = frozenset("\u2028\u2029\u115f\u1160\u2800\u3164\uffa0\ufffd")
"""Invisible or broken, though Unicode calls them letters, symbols or separators."""
_TEMPLATE = re.compile(
    r"<[|｜][^|｜<>\n]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|</?(?:think|bos|eos|pad|unk|mask|sep|endoftext)>"
    r"|<(?:start|end)_of_turn>|\[(?:PROTECT|KEEP|CLS|SEP|MASK|PAD|UNK)\w*\]|\{+\s*prompt\s*\}+"
    r"|</?(?:original|improved|rewritten|optimi[sz]ed)_?prompt>|#{2,4} *(?:Instruction|Response):"
    r"|(?:^|\n)(?:Human|User|Assistant|System):",
    re.IGNORECASE,
)
_BETTER = r"(?:improved|optimi[sz]ed|rewritten|rephrased|revised|refined|enhanced|reworded|polished)"
_COMMENT = re.compile(
    rf"\A\W*(?:sure|certainly|of course|absolutely|okay|great question)\b[^\w\n]{{1,3}}(?:here|i|let)\b"
    rf"|\A\W*(?:sure|certainly|of course|absolutely)!"
    rf"|\bhere(?:['’]s| is) (?:the|your|an?|my) (?:more )?(?:{_BETTER}|better|clearer)\b(?: (?:prompt|version))?"
    rf"|\b(?:{_BETTER}|raw|original|better|new|final) prompt\W{{0,4}}:"
    rf"|\b{_BETTER} (?:version|question|query|instructions?|request)\W{{0,4}}:"
    rf"|\A\W*(?:prompt|rewrite|answer|output|response) ?:"
    rf"|\bi(?:['’]ve| have) {_BETTER} (?:the|your|this)\b"
    r"|\bas an ai\b(?: language)?(?: model| assistant)?"
    r"|\A\W*(?:i['’]m|i am) sorry\b"
    r"|\A\W*i(?:['’]m| am)? (?:can['’]t|cannot|can not|won['’]t|unable to|not able to) "
    r"(?:help|assist|comply|provide|fulfil|rewrite|engage|support|answer (?:this|that))"
    r"|\baquí (?:está|tienes) (?:el|la|una?) (?:prompt|versión|pregunta|instrucción)"
    r"|\bvoici (?:le|la|une?|votre) (?:prompt|version|question|demande)"
    r"|\bhier ist (?:der|die|eine?|dein|ihr)\w* (?:verbesserte|optimierte|überarbeitete)"
    r"|(?:优化|改进|改写)后的(?:提示|问题|版本)|(?:改善|改良)された(?:プロンプト|質問)",
    re.IGNORECASE,
)


def unreadable(prompt: str, rewrite: object) -> tuple[str, str] | None:
    """(check, detail) for what no other check should read: no text, blank, or endless; else None."""
    if not isinstance(rewrite, str):
        return "text", f"{type(rewrite).__name__} instead of text"
    if not rewrite.strip():
        return "text", "blank"
    limit = WORDS_FACTOR * len(prompt) + EXTRA_CHARACTERS
    if len(rewrite) > limit:
        return "length", f"{len(rewrite):,} characters, limit {limit:,}"
    run = next((found for found in _RUN.finditer(rewrite) if found[0] not in prompt), None)
    return ("length", f"{len(run[0]):,} characters without a break") if run else None


def within_length(prompt: str, rewrite: str) -> str:
    """At most six times as many words, and 60 more."""
    words, limit = len(rewrite.split()), WORDS_FACTOR * len(prompt.split()) + EXTRA_WORDS
    return f"{words} words, limit {limit}" if words > limit else ""


def no_strange_characters(prompt: str, rewrite: str) -> str:
    """No control, invisible or broken character that the prompt does not have; joiners and marks of direction too."""
    new = sorted(char for char in set(rewrite) - set(prompt) if _strange(char))
    return f"new {', '.join(f'U+{ord(char):04X}' for char in new[:5])}" if new else ""


def no_template(prompt: str, rewrite: str) -> str:
    """No special token, mark of a chat template or unfilled `{prompt}` that the prompt does not have."""
    return _new(_TEMPLATE, prompt, rewrite, "template text")


def no_comment(prompt: str, rewrite: str) -> str:
    """No talk about the rewrite, no refusal and no "Sure, here ..." that the prompt does not have."""
    return _new(_COMMENT, prompt, rewrite, "comments:")


UNIVERSAL: dict[str, Callable[[str, str], str]] = {
    "length": within_length,
    "characters": no_strange_characters,
    "template": no_template,
    "comment": no_comment,
}
"""By the name that reports show; `unreadable` adds `text`, and a second reason for `length`."""


def _new(pattern: re.Pattern[str], prompt: str, rewrite: str, what: str) -> str:
    """The first match whose words are not in the prompt."""
    known = prompt.casefold()
    matches = (found[0].strip() for found in pattern.finditer(rewrite))
    return next((f"{what} {match!r}" for match in matches if match.casefold() not in known), "")


def _strange(char: str) -> bool:
    """Control (Cc), format (Cf), surrogate (Cs) and private (Co) characters, blanks and variation supplements."""
    if char in "\n\r\t":
        return False
    supplement = "\U000e0100" <= char <= "\U000e01ef"
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"} or char in _BLANKS or supplement
