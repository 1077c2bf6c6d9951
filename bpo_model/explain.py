"""What changed between two prompts, and which of the paper's strategies it was.

The diff is on words and spaces, so that every edit is a span a reader can point at.
The strategies are read off the inserted text with word lists: a label always comes with
the words that earned it.
"""

import re
from collections import Counter
from difflib import SequenceMatcher

from bpo_model.checks.safety import UNSAFE
from bpo_model.schema import Edit, LabelledStrategy, Strategy

MAX_DIFF_TOKENS = 2000
"""Longer changed stretches are one edit: a word diff is quadratic at worst."""
MAX_DIFF_PAIRS = 200_000
"""So are those with more pairs of equal tokens, such as rows of dashes, which cost up to 10 µs each; prose within the
gate's 250 words has 160,000 at most."""

_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|\s+|[^\w\s]")
_CLAUSE = re.compile(r"[^.?!;\n]+[.?!;]?")
_EXPLANATION = re.compile(
    r"\b(?:explain(?:ing)?|explanation|why|reasons?|reasoning|because|how (?:it|they|this|that|each|these)\b|justify|what (?:it|they|each|this) (?:is|are|means?)"
    r"|step by step|show(?:ing)? (?:each|your|the|all|how)|work(?:ing)? (?:out|through)|meaning|define|clarify|tracing|in simple terms|with (?:an? )?(?:short |simple |brief |clear |working )*examples?|example)\b",
    re.IGNORECASE,
)
_HINTS = re.compile(
    r"\b(?:includ(?:e|ing)|cover(?:ing)?|consider(?:ing)?|such as|focus(?:ing)?|compar(?:e|ing)|mention(?:ing)?|discuss(?:ing)?|weigh(?:ing)?|address(?:ing)?|highlight(?:ing)?"
    r"|taking into account|based on|what to|when to|how to|arguments?|theories|perspectives?|sides?|difference|compared?|main|also|and how|and what|and which)\b|:|,[^,.?!]+,? (?:and|or) ",
    re.IGNORECASE,
)
_SAFE_INSERT = re.compile(
    r"\b(?:respect(?:ful|fully|ing)?|safe(?:ly|ty)?|legal(?:ly)?|illegal|lawful|ethical|consent|harm(?:ful|less)?|dangers?|dangerous|consequences|professional help|crisis|emergency|support|stereotypes?"
    r"|privacy|honest(?:ly)?|inclusive|sensitiv\w+|polite(?:ly)?|kind(?:ly)?|healthy|protect\w*|prevent\w*|warning signs|fair(?:ly)?|neutral|balanced|when to see|unlawful|victims?|wrong)\b",
    re.IGNORECASE,
)
_ONLY_EXPLAINS = re.compile(
    r"^(?:,? ?and )?(?:please )?(?:briefly |then )?(?:explain|justify|show|say why)\b", re.IGNORECASE
)
_MIN_ELABORATION_WORDS = 2
_MIN_HINT_WORDS = 5


def diff(original: str, optimized: str) -> tuple[Edit, ...]:
    """The edits that turn one text into the other, in order.

    >>> [(edit.before, edit.after) for edit in diff("tell me a joke", "tell me a short joke")]
    [('', 'short ')]
    """
    if original == optimized:
        return ()
    before, after = _TOKEN.findall(original), _TOKEN.findall(optimized)
    left, right = _offsets(before), _offsets(after)
    return tuple(
        Edit(original[left[i] : left[j]], optimized[right[k] : right[m]], (left[i], left[j]), (right[k], right[m]))
        for kind, i, j, k, m in _opcodes(before, after)
        if kind != "equal"
    )


def _opcodes(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Opcodes of difflib for what lies between the common start and the common end."""
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    if max(len(left), len(right)) > MAX_DIFF_TOKENS or _pairs(left, right) > MAX_DIFF_PAIRS:
        return [("replace", start, len(before) - end, start, len(after) - end)]
    codes = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    return [(kind, i + start, j + start, k + start, m + start) for kind, i, j, k, m in codes]


def _pairs(left: list[str], right: list[str]) -> int:
    """Pairs of equal tokens: what difflib looks at."""
    counts = Counter(right)
    return sum(counts[token] for token in left)


def _offsets(tokens: list[str]) -> list[int]:
    """Character offset at which each token starts, and the end of the last one."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    return starts


def label_strategies(
    original: str, optimized: str, edits: tuple[Edit, ...] | None = None
) -> tuple[LabelledStrategy, ...]:
    """The strategies that the inserted text shows, each with its first evidence."""
    inserted = _inserted_clauses(optimized, diff(original, optimized) if edits is None else edits)
    known, unsafe = {word.casefold() for word in _TOKEN.findall(original)}, bool(UNSAFE.search(original))
    found: dict[Strategy, LabelledStrategy] = {}
    for text, start in inserted:
        for strategy in _strategies_of(text, known, unsafe):
            found.setdefault(strategy, LabelledStrategy(strategy, text, (start, start + len(text))))
    return tuple(found[strategy] for strategy in Strategy if strategy in found)


def _inserted_clauses(optimized: str, edits: tuple[Edit, ...]) -> list[tuple[str, int]]:
    """(text, start) of inserted stretches; neighbours that nearly touch are joined, then cut at clauses."""
    spans: list[list[int]] = []
    for start, end in (edit.span_after for edit in edits if edit.after.strip()):
        if spans and start - spans[-1][1] <= 12:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [
        (clause[0], start + clause.start())
        for start, end in spans
        for clause in _CLAUSE.finditer(optimized[start:end])
        if clause[0].strip()
    ]


def _strategies_of(inserted: str, known: set[str], unsafe: bool) -> list[Strategy]:
    """Strategies of one inserted clause, beside the prompt's words; a turn to the safe side outweighs the others."""
    new_words = sum(word.casefold() not in known for word in _TOKEN.findall(inserted) if word[0].isalnum())
    if not new_words:
        return []  # capitals, punctuation, order: better text, but none of the strategies
    safe = len({word.lower() for word in _SAFE_INSERT.findall(inserted)})
    if safe >= 2 or (safe and unsafe):
        return [Strategy.SAFETY]
    words = len(inserted.split())
    found = [Strategy.EXPLANATION] if _EXPLANATION.search(inserted) else []
    if _HINTS.search(inserted) and words >= _MIN_HINT_WORDS:
        found.append(Strategy.HINTS)
    if words >= (_MIN_HINT_WORDS if found else _MIN_ELABORATION_WORDS) and not _ONLY_EXPLAINS.match(inserted.strip()):
        found.append(Strategy.ELABORATION)
    return found
