"""Does a short prompt refer to earlier turns? Then it means nothing by itself, and no word may be added to it.

Word patterns of English chats, since there is nothing to ask a model: a rewriter sees one turn.
"""

import re

from bpo_model.request import words

MAX_WORDS, MAX_FOLLOW_UP_WORDS, MAX_FRAGMENT_WORDS = 25, 8, 4
"""Longer texts carry enough content of their own: any; without earlier turns; fragments without earlier turns."""
_FOLLOW_UP = re.compile(
    r"^\W*(?:(?:wait|hang on|hold on|actually|ok|okay|yes|no|great|thanks|please|now|then|and|but|also|so|can you|could you|hmm|well)\b[\s,!.]*){0,3}(?:"
    r"(?:make|keep|write|say|do|put|try|turn|change|rewrite|redo|translate|shorten|expand|explain|simplify|fix|summari[sz]e|convert|repeat|continue|format|add)"
    r"\s+(?:it|that|this|them|those|these)\b(?!\s+\w+(?:ing\b|['’]s\b))"
    r"|(?:go|come) back to (?:the|your)\b|undo\b|revert (?:to )?(?:it|that|this|the (?:first|second|third|last|previous|old))\b"
    r"|(?:a bit |much |even |way |less |more )?(?:shorter|longer|simpler|better|funnier|formal|casual|detailed|concise|again|bigger|smaller)\b"
    r"(?:[\s,]*please|[\s,]+(?:and|but)\s+(?:drop|cut|remove|leave|keep|add|with|without|no)\b.{0,60})?\W*$"
    r"|(?:the other|not that|the same|same)(?: one)?\W*$|i mean(?:t)?\b|(?:the )?same (?:but|for|with|in|as before)\b"
    r"|(?:what|how) about (?:\w+ ?){1,2}\W*$|who asked (?:you|u)\W*$|(?:continue|go on|keep going|more|again|another(?: one)?|one more|next|elaborate|why(?: not)?|how so|really|and then|what else|anything else|like what|such as)\W*$"
    r")",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(
    r"^\W*(?:and|but|what about|how about|or|same|also)\s+(?:in|for|with|without|no|the|a|if|on|at|now|as|to|why|how)\b",
    re.IGNORECASE,
)
_PICK = re.compile(
    r"^\W*(?:option |number )?(?:[A-Ea-e]|\d{1,2})(?:\s*(?:,|and|or|&)\s*(?:[A-Ea-e]|\d{1,2}))*\s*"
    r"(?:$|[,;]?\s*(?:because|but not|not|please|pls|i think)\b)"
)
"""Chooses from what an earlier turn offered: "B, because it is cheaper", "3 and 5, not 4"."""
_CORRECTION = re.compile(
    r"(?i)^\W*(?:(?:no,? )?i meant|nvm|never ?mind|(?:ok|okay|y|yes|yep|yeah|sure|fine|n|no|nope),? but)\b|\b(?:what|as|like) (?:u|you) (?:just )?(?:said|wrote|told me)\b"
)
"""Points at an earlier turn, even where nobody passes it on."""
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|he|him|his|she|her|the (?:first|second|third|last|previous|other|same|former|latter|above)|above"
    r"|you (?:said|wrote|mentioned|gave)|your (?:answer|reply|last|previous|list|code|suggestion)|instead|again|another|more|ones?)\b",
    re.IGNORECASE,
)


def refers_back(text: str, *, has_history: bool) -> bool:
    """Whether a prompt without context is a follow-up; after earlier turns, any short text that points back is one.

    >>> refers_back("make it shorter", has_history=False), refers_back("make a cake", has_history=False)
    (True, False)
    """
    count = len(words(text))
    if count > MAX_WORDS or ":" in text:
        return False
    if has_history and (_POINTS_BACK.search(text) or _FOLLOW_UP.match(text) or _FRAGMENT.match(text) or count < 4):
        return True
    if _CORRECTION.search(text) or (count <= MAX_FOLLOW_UP_WORDS and _PICK.match(text)):
        return True
    if count <= MAX_FRAGMENT_WORDS and _FRAGMENT.match(text):
        return True
    return count <= MAX_FOLLOW_UP_WORDS and bool(_FOLLOW_UP.match(text))
