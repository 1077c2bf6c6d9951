"""The verdict: keep it, switch it off, or ask more prompts; and what a reader must know before it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bpo_model.compare.diagnostics import MAX_FLIPS, MAX_INVALID
from bpo_model.compare.estimate import Estimate
from bpo_model.compare.power import items_needed
from bpo_model.prove.measure import Measured
from bpo_model.prove.pairs import Pair

Word: TypeAlias = Literal["keep", "off", "need more", "unfit judge", "incomplete"]
EXIT_CODES: dict[Word, int] = {"keep": 0, "off": 4, "need more": 5, "unfit judge": 3, "incomplete": 3}
"""1 is left to what fails everywhere (a missing file, a broken model), 2 to a wrong command line."""
LEVEL = 0.05
FEWEST = 6
"""Prompts without a tie that the permutation test can call different at all: 2 / 2**6 is below 0.05."""
NOTHING_SEEN = -math.log(LEVEL / 2)
"""Rule of three, two-sided: what happened in none of n prompts may still happen in 3.7 of n."""
PILOT = 10
"""Changed prompts after which a hopeless judge or a dead endpoint ends the run."""
HOPELESS = 0.5
ALWAYS_FLIPS = 0.9
MANY_CUT = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do."""

    word: Word
    sentence: str
    more: int | None = None
    """About how many further prompts would settle it; only with `need more`."""
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return EXIT_CODES[self.word]


def decide(pairs: Sequence[Pair], measured: Measured | None, worth: float) -> Verdict:
    """The verdict on a run.

    Args:
        pairs: All of it.
        measured: Its numbers.
        worth: Smallest effect over all prompts, in points, for which rewriting is worth having.
    """
    warnings = (*unfit(pairs), *_gaps(pairs))
    if unfit(pairs):
        return Verdict("unfit judge", "This judge cannot tell: see the warnings. Use another judge.", None, warnings)
    if measured is None or len(_failed(pairs)) > MAX_INVALID * len(pairs):
        return Verdict("incomplete", "Too many calls failed. The same command tries them again.", None, warnings)
    every = measured.every
    effect = f"{points(every.dwr)} points (95%: {points(every.low)} to {points(every.high)}) over {every.n:,} prompts"
    if every.low > 0 and every.p <= LEVEL:
        if measured.length_explains:
            warnings = (*warnings, "At equal length the effect cannot be told from 0: the judge may like length only.")
        return Verdict("keep", f"Keep it: answers to rewritten prompts win, {effect}.", None, warnings)
    if every.high < 0 and every.p <= LEVEL:
        return Verdict("off", f"Switch it off: answers to rewritten prompts lose, {effect}.", None, warnings)
    if upper(every) < worth:
        return Verdict("off", f"Switch it off: less than {worth:g} points are to be had, {effect}.", None, warnings)
    more = more_needed(every, worth)
    return Verdict("need more", f"Undecided: {effect}. About {more:,} more prompts would settle it.", more, warnings)


def upper(every: Estimate) -> float:
    """The largest effect that the sample leaves possible, in points; one without any difference still leaves some."""
    return max(every.high, every.dwr + 100 * NOTHING_SEEN / every.n)


def more_needed(every: Estimate, worth: float) -> int:
    """Further prompts after which, if the effect is the one seen, four runs of five are decided; at least one.

    Decided by whatever comes first: the effect differs from 0, or is below what is worth having.
    """
    unlike_zero = items_needed(every.dwr, every.sd)
    below_worth = items_needed(worth - every.dwr, every.sd) if every.dwr < worth else None
    totals = [max(unlike_zero, FEWEST)] if unlike_zero is not None else []
    if below_worth is not None:
        totals.append(max(below_worth, math.ceil(100 * NOTHING_SEEN / (worth - every.dwr)) + 1))
    return max(1, min(totals) - every.n)


def unfit(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Why this judge's verdicts mean nothing; nothing if they do."""
    statuses = Counter(record["status"] for pair in pairs for record in pair.verdicts.values())
    read, unread = statuses["ok"], statuses["invalid"]
    found = []
    if unread > max(1, MAX_INVALID * (read + unread)):
        found.append(f"{unread} of {read + unread} verdicts cannot be read: this judge is unfit.")
    both = [pair for pair in pairs if _read_twice(pair)]
    flips = sum(pair.flipped for pair in both)
    if len(both) >= PILOT // 2 and 100 * flips > MAX_FLIPS * len(both):
        found.append(
            f"The judge names the other winner when the answers swap places, in {flips} of {len(both)} pairs: "
            "it goes by the place, and is unfit."
        )
    return tuple(found)


def hopeless(pairs: Sequence[Pair]) -> str:
    """Why nothing more should be spent after the first pairs; empty if there is no reason."""
    asked = [pair for pair in pairs if pair.answers]
    records = [record for pair in asked for record in pair.verdicts.values() if record["status"] != "error"]
    unread = sum(record["status"] == "invalid" for record in records)
    both = [pair for pair in asked if _read_twice(pair)]
    if asked and len(_failed(asked)) == len(asked):
        return "all calls failed"
    if unread > HOPELESS * len(records):
        return "most verdicts cannot be read"
    if len(both) >= PILOT // 2 and sum(pair.flipped for pair in both) >= ALWAYS_FLIPS * len(both):
        return "the judge goes by the place of the answers"
    return ""


def points(value: float) -> str:
    """With a sign, but for 0.0."""
    return f"{value:+.1f}" if round(value, 1) else "0.0"


def _gaps(pairs: Sequence[Pair]) -> list[str]:
    """What is missing or cut."""
    found, failed = [], _failed(pairs)
    if failed:
        found.append(f"Calls for {len(failed)} of {len(pairs)} prompts failed ({_why(failed[0])}).")
    answers = [answer for pair in pairs for answer in pair.answers or ()]
    cut = sum(answer.get("finish_reason") == "length" for answer in answers)
    if cut > MANY_CUT * len(answers):
        found.append(f"{cut} of {len(answers)} answers were cut at max_tokens: what the judge saw is not whole.")
    return found


def _why(pair: Pair) -> str:
    """The first error of a pair."""
    records = [pair.rewrite, *(pair.answers or ()), *pair.verdicts.values()]
    return next((str(record["error"]) for record in records if record["status"] == "error"), "")


def _read_twice(pair: Pair) -> bool:
    return len(pair.verdicts) == 2 and all(record["status"] == "ok" for record in pair.verdicts.values())


def _failed(pairs: Sequence[Pair]) -> list[Pair]:
    """Those of which a call failed."""
    return [pair for pair in pairs if any(judgment.status == "error" for judgment in pair.judgments)]
