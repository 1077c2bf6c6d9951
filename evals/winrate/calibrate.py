"""judge-check: how often a judge agrees with people, on answers whose better one is known (BPO-test).

A third of the parent data was itself labelled by GPT-4, so agreement with a GPT judge is flattered.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from bpo_model.compare.calls import Judge
from bpo_model.compare.chat import ChatError
from bpo_model.compare.judging import ask_judge
from bpo_model.compare.store import Record, Store, key_of
from bpo_model.compare.types import Item, Order

ORDERS: tuple[Order, Order] = ("ab", "ba")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Shares in per cent; an item agrees by half if the two orders disagree, or if the judge sees a tie."""

    items: int
    agreement: float
    low: float
    high: float
    """95% interval over resampled items."""
    agreement_shorter: float | None
    """Where the preferred answer is the shorter one: a judge that only likes length is at 0."""
    agreement_longer: float | None
    first_position: float | None
    """Of the decided verdicts, those for the answer shown first; 50 is fair."""
    flips: float
    """Of the items, those whose two orders have opposite winners."""
    unjudged: int
    """Items without a readable verdict in both orders; left out of the shares."""


async def calibrate(judge: Judge, items: Sequence[Item], store: Store, seed: int = 0) -> Calibration:
    """Ask the judge about the preferred and the rejected answer of every item, in both orders."""
    pairs = [(item, order) for item in items if item.good.strip() != item.bad.strip() for order in ORDERS]
    records = await asyncio.gather(*(_asked(judge, item, order, store) for item, order in pairs))
    found: dict[str, dict[Order, Record]] = {}
    for (item, order), record in zip(pairs, records, strict=True):
        found.setdefault(item.id, {})[order] = record
    return _summary({item.id: item for item in items}, found, seed)


async def _asked(judge: Judge, item: Item, order: Order, store: Store) -> Record:
    """One verdict; arm a is the preferred answer."""
    inputs = {"question": item.prompt, "a": item.good, "b": item.bad, "order": order}
    key = key_of("judge", inputs, judge.model.name, judge.model.params, judge.template.sha)
    found = store.get("judge", key)
    if found is not None:
        return found
    try:
        asked = await ask_judge(
            judge.model.chat, item, item.good, item.bad, order, judge.template, **judge.model.params
        )
        body: dict[str, Any] = {"status": asked.status, "winner": asked.winner, **asked.details()}
    except ChatError as error:
        body = {"status": "error", "error": str(error)}
    record = {"key": key, "item": item.id, "order": order, **body}
    store.put("judge", record)
    return record


def _summary(items: dict[str, Item], found: dict[str, dict[Order, Record]], seed: int) -> Calibration:
    """Scores of 1 (agrees), 0.5 and 0 for every item that was judged in both orders."""
    winners = {name: (pair["ab"].get("winner"), pair["ba"].get("winner")) for name, pair in found.items()}
    judged = {name: pair for name, pair in winners.items() if all(pair)}
    if not judged:
        raise ValueError(f"none of {len(found)} items has a readable verdict in both orders: this judge is unfit")
    scores = {name: fmean({"a": 1.0, "tie": 0.5, "b": 0.0}[str(one)] for one in pair) for name, pair in judged.items()}
    values = np.array([scores[name] for name in sorted(scores)])
    draws = np.random.Generator(np.random.PCG64(seed)).choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    shorter = [name for name in scores if len(items[name].good) < len(items[name].bad)]
    longer = [name for name in scores if len(items[name].good) > len(items[name].bad)]
    decided = [each for pair in judged.values() for each in zip(ORDERS, pair, strict=True) if each[1] != "tie"]
    first = [winner == order[0] for order, winner in decided]
    return Calibration(
        items=len(scores),
        agreement=100 * float(values.mean()),
        low=100 * float(low),
        high=100 * float(high),
        agreement_shorter=_share(scores[name] for name in shorter),
        agreement_longer=_share(scores[name] for name in longer),
        first_position=_share(first),
        flips=100 * fmean(set(pair) == {"a", "b"} for pair in judged.values()),
        unjudged=len(found) - len(judged),
    )


def _share(values: Any) -> float | None:
    known = [float(value) for value in values]
    return 100 * fmean(known) if known else None
