"""How many prompts a comparison needs."""

import math
from statistics import NormalDist


def items_needed(dwr: float, sd: float, power: float = 0.8, *, alpha: float = 0.05) -> int | None:
    """Items with which a difference of this size is found at `alpha`, two-sided, with this probability.

    With the observed difference it answers "about how many prompts in all would settle this", no more:
    the observed difference is itself uncertain.

    Args:
        dwr: Delta win rate in points, of either sign.
        sd: Standard deviation of the items' scores in points (`Estimate.sd`).
        power: Probability of finding it.
        alpha: Level of the test.

    Returns:
        None for a difference of 0, which no number of items shows.
    """
    if not dwr:
        return None
    quantile = NormalDist().inv_cdf
    return math.ceil(((quantile(1 - alpha / 2) + quantile(power)) * sd / dwr) ** 2)


def more_needed(n: int, dwr: float, sd: float, power: float = 0.8) -> int | None:
    """As `items_needed`, less the `n` items that there are; 0 if these suffice."""
    needed = items_needed(dwr, sd, power)
    return None if needed is None else max(0, needed - n)
