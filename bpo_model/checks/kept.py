"""Checks that nothing of the prompt was lost or invented.

Every check takes the original instruction and the candidate, and returns what is
wrong in a few words, or "" if nothing is.
"""

import re
from collections import Counter
from collections.abc import Callable

from bpo_model.checks import spans
from bpo_model.language import detect

_MARKS = ('"', "“”„", "«»")
"""Kinds of quotation marks; an apostrophe looks like another kind too often."""
MAX_SHOWN = 5
"""Most spans that a message lists."""


def numbers_kept(original: str, candidate: str) -> str:
    """Every number of the prompt is in the rewrite, as digits or as a word.

    passes: "3 tips" -> "Give me three tips"; fails: "laptop under $800" -> "a good laptop".
    """
    lost = _all_numbers(original) - _all_numbers(candidate)
    if stands_in("one", candidate.lower()):
        lost.pop("1", None)
    return _say("lost", list(lost))


def numbers_invented(original: str, candidate: str) -> str:
    """No digits appear that the prompt does not have.

    passes: "some tips" -> "a few tips"; fails: "some tips" -> "Give 7 tips".
    """
    new = spans.numbers(candidate) - _all_numbers(original)
    if stands_in("one", original.lower()):
        new.pop("1", None)
    return _say("invented", list(new))


def units_kept(original: str, candidate: str) -> str:
    """A number keeps its unit.

    passes: "run 8km" -> "run 8 km"; fails: "run 8 km" -> "run 8 miles".
    """
    lost = spans.units(original) - spans.units(candidate)
    still_a_unit = {unit.split()[0] for unit in spans.units(candidate)}
    words = candidate.lower()
    return _say("changed", [item for item in lost if item.split()[0] in still_a_unit or item.split()[1] not in words])


def links_kept(original: str, candidate: str) -> str:
    """URLs, addresses, paths, file names and ids are the same ones.

    passes: "fix app/main.py" -> "Fix the bug in app/main.py"; fails: -> "Fix the main file".
    """
    return _both_ways(spans.links, original, candidate)


def quotes_kept(original: str, candidate: str) -> str:
    """Quoted text stays to the letter and in its order; the style of the marks and one at the end may change.

    passes: 'explain "carpe diem"' -> 'What does "carpe diem" mean?'; fails: -> "Explain seize the day".
    """
    before, after, signs = spans.folded(original), spans.folded(candidate), set(spans.quotations(candidate))
    mine = list(dict.fromkeys(spans.quotations(original)))
    lost = [quote for quote in mine if quote not in (after if re.search(r"\w", quote) else signs)]
    lost += [quote for quote in mine if _stop_added(quote, before, after)]
    spelled = spans.spellings_of_quotations(candidate)
    twice = {words: ways for words, ways in spans.spellings_of_quotations(original).items() if len(ways) > 1}
    lost += [way for words, ways in twice.items() for way in sorted(ways - spelled.get(words, set()))]
    before, after = spans.plain_words(original), spans.plain_words(candidate)
    invented = [quote for quote in spans.quotes(candidate) if not stands_in(quote, before)]
    swapped = _say("changed places:", _swapped(list(spans.quotes(original)), before, after))
    return _say("lost", lost) or _say("invented", invented) or swapped or _marks(original, candidate)


def code_kept(original: str, candidate: str) -> str:
    """Inline code and code blocks are the same ones.

    passes: "what is `ls -l`" -> "Explain `ls -l`"; fails: -> "Explain `ls -la`".
    """
    before, after = spans.code(original), spans.code(candidate)
    lost = [item for item in before if item not in after and not stands_in(item, candidate)]
    new = [item for item in after if item not in before and not stands_in(item, original)]
    ticks = ["`"] if candidate.count("`") < original.count("`") else []
    return _say("lost", lost + ticks) or _say("invented", new)


def identifiers_kept(original: str, candidate: str) -> str:
    """Program names in running text are the same ones, to the letter.

    passes: "how does max_len work" -> "Explain how max_len works"; fails: -> "Explain how max_length works".
    """
    before, after = (
        [name for name in spans.identifiers(text) if stands_in(name, text)] for text in (original, candidate)
    )
    lost = [name for name in before if not stands_in(name, candidate)]
    new = [name for name in after if not stands_in(name.casefold(), original.casefold())]
    return _say("lost", lost) or _say("invented", new)


def codes_kept(original: str, candidate: str) -> str:
    """Words with digits in them and labels of options are the same ones; only what everybody knows changes its case.

    passes: "is mp3 worse" -> "Is MP3 worse?"; fails: "flight EK512" -> "flight EK513", "why skip vm3" -> "why skip VM3".
    """
    lost = [code for code in spans.codes(original) if not _has_code(code, candidate)]
    lost += (spans.option_labels(original) - spans.option_labels(candidate)).keys()
    lost += [item for item in spans.tailed_numbers(original) if not _has_tailed(item, candidate)]
    new = [code for code in spans.codes(candidate) if not _has_code(code.casefold(), original.casefold())]
    return _say("lost", lost) or _say("invented", new)


def letters_kept(original: str, candidate: str) -> str:
    """Words in capitals and signs beyond ASCII stay as they are; in English, words with letters beyond a to z too.

    passes: "who is Renée" -> "Who is Renée?"; fails: -> "Who is Renee?", "deploy to STAGING" -> "Deploy to staging.".
    """
    lost = [word for word in spans.shouted(original) if not stands_in(word, candidate)]
    lost += spans.signs(original) - spans.signs(candidate)
    if lost or detect(original) not in {"en", ""}:
        return _say("lost", lost)
    before, after = original.casefold(), candidate.casefold()
    lost = [word for word in spans.odd_words(original) if word not in after]
    new = [word for word in spans.odd_words(candidate) if word not in before]
    return _say("lost", lost) or _say("invented", new)


def variables_kept(original: str, candidate: str) -> str:
    """Template variables are the same ones, each as often as before.

    passes: "greet {name}" -> "Write a greeting for {name}"; fails: -> "Write a greeting for {person}".
    """
    return _both_ways(spans.variables, original, candidate)


def stands_in(item: str, text: str) -> bool:
    """Whether an item stands in a text and is not part of a longer word there."""
    return bool(re.search(rf"(?<!\w){re.escape(item)}(?!\w)", text))


def _has_code(code: str, text: str) -> bool:
    """Whether a text has a word with digits, perhaps with spaces or hyphens in it (`gpt4`, `gpt-4`)."""
    if code.casefold() in spans.FREE_CASE or code.isupper() or sum(map(str.isdigit, code)) >= 3:
        code, text = code.casefold(), text.casefold()
    return stands_in(code, text) or bool(re.search(rf"(?<!\d){re.escape(code)}(?!\d)", re.sub(r"[\s_-]+", "", text)))


def _has_tailed(item: str, text: str) -> bool:
    """Whether a number stands there with its letters, perhaps behind a space; the case of one letter alone counts."""
    digits = item.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    letters = item.removeprefix(digits)
    any_case = re.IGNORECASE if len(letters) > 1 or letters in "kKmM" else 0
    return bool(re.search(rf"(?<![\d.,]){re.escape(digits)}[\s-]?{letters}", text, any_case))


def _swapped(quotes: list[str], before: str, after: str) -> list[str]:
    """Quotations that stand once in both texts, if not in the same order."""
    once = [quote for quote in quotes if before.count(quote) == after.count(quote) == 1]
    order = sorted(once, key=before.index)
    return order if order != sorted(once, key=after.index) else []


def _stop_added(quote: str, before: str, after: str) -> bool:
    """Whether a quotation ends in a stop now that it did not have, nor stood before; full stop and comma may move in."""
    inside = {stop for stop in ".!?,;:" if any(f"{quote}{stop}{mark}" in after for mark in "\"'`")}
    if not inside or re.search(rf"""{re.escape(quote)}[.!?,;:]["'`]""", before):
        return False
    return bool(inside - {".", ","}) or not re.search(rf"""{re.escape(quote)}["'`]\s*(?:[.!?,;:]|$)""", before)


def _marks(original: str, candidate: str) -> str:
    """Whether there are fewer marks of a kind where the user has several kinds, or one is left open."""
    used = [marks for marks in _MARKS if any(mark in original for mark in marks)]
    fewer = [marks for marks in used if _count(marks, candidate) < _count(marks, original)] if len(used) > 1 else []
    if "'" in original and "’" in original and candidate.count("’") < original.count("’"):
        fewer.append("’")
    if original.count('"') % 2 == 0 and candidate.count('"') % 2:
        fewer.append('"')
    return _say("other quotation marks:", fewer)


def _count(marks: str, text: str) -> int:
    return sum(text.count(mark) for mark in marks)


def _all_numbers(text: str) -> Counter[str]:
    """Numbers in both notations, as digits."""
    return spans.numbers(text) + spans.number_words(text)


def _both_ways(find: Callable[[str], Counter[str]], original: str, candidate: str) -> str:
    """Compare the spans of two texts as multisets."""
    wanted, found = find(original), find(candidate)
    return _say("lost", list(wanted - found)) or _say("invented", list(found - wanted))


def _say(verb: str, items: list[str]) -> str:
    """'lost 3, $800' or ""."""
    shown = ", ".join(item if len(item) <= 60 else item[:57] + "..." for item in items[:MAX_SHOWN])
    return f"{verb} {shown}" if items else ""
