"""Does a rewrite give the good answer away? Nothing raises a gain as much, and nothing is worth less.

Looked at are the words that the rewrite adds to the prompt. Two things betray somebody who saw the answer:

* a run of added words that stands in the good answer as well: more than `MAX_RUN`, or half of a short answer;
* many added words that only the good answer has: more than `FREE_WORDS`, and more than a third of all added
  words, than there are ones that only the bad answer has. An honest rewrite hits words of both by chance.

The caps were set on the 200 prompts of BPO-test and tried on 100 of HH-RLHF. Of verified rewrites by the
embedded optimizer, which never sees answers, 1.0% of 388 and 0.4% of 231 are rejected. Prompts with the first
8, 10, 20 or the last 20 words of the good answer behind them are all rejected, with the first 5 99% and 100%,
with the first 3 11% and 18%; with a bag of words that only the good answer has, 90% and 89% with 10 words,
84% and 82% with 5, 42% and 38% with 3. Of BPO-test's reference rewrites, whose author saw the answers, 18%.
A leak in other words than the answer's is not noticed; nor does it gain as much.
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

MAX_RUN = 4
"""Most added words in a row that the good answer may have too."""
FREE_WORDS = 2
"""So many words that only the good answer has prove nothing."""
PART = 3
"""Beyond them, at most every third added word may be one."""
MAX_ANSWER_WORDS = 400
"""About as much of an answer as is scored."""
_WORD = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]|\w+(?:['’]\w+)*")
_FUNCTION_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be been before being below between both but by can could
    did do does down during each few for from further had has have he her here him his how i if in into is it its just
    may me might more most must my nor of off on only or other our out over own same shall she should so some such than
    that the their them then there these they this those through to too under up us use using very was we were what
    when where which who whom whose why will with would you your
    """.split()
)


def leak(prompt: str, rewrite: str, good: str, bad: str) -> str:
    """What the rewrite seems to have from the good answer, in a few words, or "".

    >>> leak("Largest planet?", "Which planet is the largest?", "Jupiter, a gas giant.", "Saturn.")
    ''
    >>> leak("Largest planet?", "Is Jupiter, a gas giant, the largest planet?", "Jupiter, a gas giant.", "Saturn.")
    'a run of 4 words'
    """
    words, right, wrong = _words(rewrite), _words(good)[:MAX_ANSWER_WORDS], _words(bad)[:MAX_ANSWER_WORDS]
    added = _added(_words(prompt), words)
    if not right:  # an emoji, say
        return "the whole answer" if rewrite.count(good.strip()) > prompt.count(good.strip()) else ""
    run = _longest_run(words, added, right)
    if run > min(MAX_RUN, (len(right) - 1) // 2):
        return f"a run of {run} words"
    fresh = {word for word, new in zip(words, added, strict=True) if new} - _FUNCTION_WORDS
    told = len(fresh & set(right) - set(wrong))
    by_chance = len(fresh & set(wrong) - set(right))
    if told - by_chance > max(FREE_WORDS, len(fresh) / PART):
        return f"{told} of {len(fresh)} added words"
    return ""


def _words(text: str) -> list[str]:
    """Words in lower case; Chinese, Japanese and Korean by the character."""
    return [word.lower() for word in _WORD.findall(text)]


def _added(before: Sequence[str], after: Sequence[str]) -> list[bool]:
    """For each word of `after`, whether it was put in: not kept, nor only moved."""
    spare = Counter(after) - Counter(before)
    added = [False] * len(after)
    for tag, _, _, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for place in range(start, end) if tag in ("insert", "replace") else ():
            added[place] = spare[after[place]] > 0
            spare[after[place]] -= 1
    return added


def _longest_run(words: Sequence[str], added: Sequence[bool], answer: Sequence[str]) -> int:
    """Most added words in a run that both texts have; 0 if all of them are function words."""
    best, counts = 0, [(0, False)] * (len(answer) + 1)
    for word, new in zip(words, added, strict=True):
        telling = new and word not in _FUNCTION_WORDS
        # What ends here, by its end in the answer: (added words, whether one of them tells something).
        shifted = [
            (count + new, told or telling) if word == other else (0, False)
            for other, (count, told) in zip(answer, counts, strict=False)
        ]
        counts = [(0, False), *shifted]
        best = max([best, *(count for count, told in shifted if told)])
    return best
