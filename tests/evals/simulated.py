"""Judges as functions, and the verdicts that they give."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bpo_model.compare.types import Judgment, Order, Status, Winner

Judge: TypeAlias = Callable[[Order, int, int], Winner]
"""From the order and both answers' lengths."""
WINNERS: tuple[Winner, ...] = ("a", "tie", "b")
BOTH: tuple[Order, ...] = ("ab", "ba")
SETS = {"vicuna": 80, "self_instruct": 252, "dolly": 200, "bpo_test": 200}


def always_first(order: Order, length_a: int, length_b: int) -> Winner:
    return "a" if order == "ab" else "b"


def prefers_a(order: Order, length_a: int, length_b: int) -> Winner:
    return "a"


def prefers_longer(order: Order, length_a: int, length_b: int) -> Winner:
    return "a" if length_a > length_b else "b" if length_b > length_a else "tie"


def coin(seed: int, a: float = 0.45, b: float = 0.45) -> Judge:
    """A judge that sees nothing; ties take what a and b leave."""
    rng = random.Random(seed)
    return lambda order, length_a, length_b: rng.choices(("a", "b", "tie"), (a, b, 1 - a - b))[0]


def verdict(
    item: str,
    winner: Winner | None,
    order: Order = "ab",
    *,
    group: str = "s",
    replicate: int = 0,
    status: Status = "ok",
    lengths: tuple[int, int] = (100, 100),
    changed: bool = True,
    judge: str = "j",
) -> Judgment:
    return Judgment("table3", "row", group, item, judge, order, replicate, status, winner, *lengths, changed)


def judged(
    judge: Judge,
    sets: Mapping[str, int] = SETS,
    orders: Sequence[Order] | None = BOTH,
    *,
    seed: int = 1,
    longer: float = 1.0,
    spread: float = 0.5,
    replicates: int = 1,
) -> list[Judgment]:
    """All verdicts of a judge; answers of random lengths, arm a's `longer` times arm b's; one random order if None."""
    rng, verdicts = random.Random(seed), []
    for group, count in sets.items():
        for number in range(count):
            lengths = round(1000 * longer * rng.lognormvariate(0, spread)), round(1000 * rng.lognormvariate(0, spread))
            for order in orders or [rng.choice(BOTH)]:
                for replicate in range(replicates):
                    winner = judge(order, *lengths)
                    verdicts.append(
                        verdict(f"{group}/{number}", winner, order, group=group, replicate=replicate, lengths=lengths)
                    )
    return verdicts


def from_counts(counts: Mapping[str, tuple[int, int, int]]) -> list[Judgment]:
    """One verdict an item: per set wins, ties and losses of arm a."""
    return [
        verdict(f"{group}/{winner}{number}", winner, group=group)
        for group, (wins, ties, losses) in counts.items()
        for winner, count in zip(WINNERS, (wins, ties, losses), strict=True)
        for number in range(count)
    ]
