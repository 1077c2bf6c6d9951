"""Keep the prompts of test sets out of the training data, also where they are dressed up.

A row goes if its prompt
* `contaminated:same`: has the letters and digits of a test prompt, whatever stands between them;
* `contaminated:contains`: has a test prompt somewhere inside, in the same sense;
* `contaminated:words`: shares a run of eight words with one. A test prompt of three to seven words counts as
  one run; one of fewer would be found everywhere, so that it only counts as `same`.
The instruction of a test prompt with a context is looked for by itself too, but not inside other prompts if it
is short and points at its context: "Answer the following question" is nobody's property.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from training.data.selection.evals import EvalPrompt
from training.data.selection.text import plain_words, prompt_of
from training.data.types import Preference, Reject

RUN = 8
"""Words that must follow each other in both."""
SHORTEST_RUN = 3
MIN_LETTERS = 16
"""Letters from which on a test prompt is recognized inside another text even without borders of words."""
_POINTS_AT_CONTEXT = re.compile(r"\b(?:given|following|provided|this|these|that|below|above|your?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of the test prompts; every value is an id of one."""

    same: dict[str, str] = field(default_factory=dict)
    """By all letters and digits."""
    inside: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """(letters, id) by the first `MIN_LETTERS` of the letters."""
    runs: dict[tuple[str, ...], str] = field(default_factory=dict)


def decontaminate(rows: Iterable[Preference], evals: Iterable[EvalPrompt]) -> tuple[list[Preference], list[Reject]]:
    """The rows that share nothing with a test set, in their order, and the others with the id of the prompt."""
    index = make_index(evals)
    kept, rejects = [], []
    for row in rows:
        found = find(prompt_of(row), index)
        if found:
            rejects.append(Reject(row.id, row.source, "select", *found))
        else:
            kept.append(row)
    return kept, rejects


def make_index(evals: Iterable[EvalPrompt]) -> Index:
    """Everything that will be looked for."""
    index = Index()
    for prompt in evals:
        _add(index, prompt.text, prompt.id, inside=True)
        if prompt.context:
            words = plain_words(prompt.instruction)
            alone = len(words) >= RUN or not _POINTS_AT_CONTEXT.search(prompt.instruction)
            _add(index, prompt.instruction, prompt.id, inside=alone)
    return index


def find(text: str, index: Index) -> tuple[str, str] | None:
    """(reason, id of the test prompt) if a text is contaminated."""
    words = plain_words(text)
    letters = "".join(words)
    if letters in index.same:
        return "contaminated:same", index.same[letters]
    inside = _find_inside(letters, index)
    if inside:
        return "contaminated:contains", inside
    run = _find_run(words, index)
    return ("contaminated:words", run) if run else None


def _add(index: Index, text: str, id_: str, *, inside: bool) -> None:
    """Index one text; `inside` says whether it is also looked for within others."""
    words = plain_words(text)
    letters = "".join(words)
    if not letters:
        return
    index.same.setdefault(letters, id_)
    if not inside:
        return
    if len(letters) >= MIN_LETTERS:
        index.inside.setdefault(letters[:MIN_LETTERS], []).append((letters, id_))
    size = min(RUN, len(words))
    if size >= SHORTEST_RUN:
        for start in range(len(words) - size + 1):
            index.runs.setdefault(tuple(words[start : start + size]), id_)


def _find_inside(letters: str, index: Index) -> str | None:
    """The id of a test prompt whose letters stand within these."""
    for start in range(len(letters) - MIN_LETTERS + 1):
        for whole, id_ in index.inside.get(letters[start : start + MIN_LETTERS], ()):
            if letters.startswith(whole, start):
                return id_
    return None


def _find_run(words: list[str], index: Index) -> str | None:
    """The id of a test prompt with a run that stands in these words too."""
    for size in range(RUN, SHORTEST_RUN - 1, -1):
        for start in range(len(words) - size + 1):
            id_ = index.runs.get(tuple(words[start : start + size]))
            if id_:
                return id_
    return None
