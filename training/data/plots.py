"""Distributions of a data set as one figure: lengths, their ratio, what was kept and why the rest was not."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpo_model.files import write_bytes
from training.data.types import Pair, Reject

_BLUE, _ORANGE, _GREY = "#4477aa", "#ee7733", "#bbbbbb"
_MOST_REASONS = 20
_STYLE: Mapping[str, Any] = {"svg.hashsalt": "bpo", "svg.fonttype": "path", "text.parse_math": False}
"""The same bytes for the same data, and a dollar sign in a name is a dollar sign."""
_METADATA: Mapping[str, Mapping[str, None]] = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}


def plot_distributions(path: Path, pairs: Sequence[Pair], rejects: Sequence[Reject]) -> None:
    """Draw four panels into an .svg or .png file.

    Raises:
        ValueError: If the name ends in something else.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if path.suffix not in _METADATA:
        raise ValueError(f"a figure must be called .svg or .png, got {path.name}")
    out = io.BytesIO()
    with rc_context(dict(_STYLE)):
        figure = Figure(figsize=(11, 8), layout="constrained")
        lengths, ratios, sources, reasons = figure.subplots(2, 2).flat
        _lengths(lengths, pairs)
        _ratios(ratios, pairs)
        _sources(sources, pairs, rejects)
        _reasons(reasons, rejects)
        figure.savefig(out, format=path.suffix[1:], metadata=dict(_METADATA[path.suffix]))
    write_bytes(path, out.getvalue())


def _words(text: str) -> int:
    return len(text.split())


def _lengths(axes: Any, pairs: Sequence[Pair]) -> None:
    """Both in the same bins; the longest hundredth is put into the last, or nobody would see the rest."""
    before, after = [_words(pair.prompt) for pair in pairs], [_words(pair.optimized_prompt) for pair in pairs]
    everything = sorted([1, *before, *after])
    longest = everything[int(0.99 * (len(everything) - 1))]
    bins = [longest * step / 40 for step in range(41)]
    for values, color, label in ((before, _BLUE, "prompt"), (after, _ORANGE, "optimized prompt")):
        axes.hist([min(value, longest) for value in values], bins, color=color, alpha=0.6, label=label)
    axes.legend()
    axes.set(xlabel="words (the last bar: this and more)", ylabel="pairs", title="Length")


def _ratios(axes: Any, pairs: Sequence[Pair]) -> None:
    """Words of the optimized prompt for each of the prompt."""
    ratios = [_words(pair.optimized_prompt) / max(1, _words(pair.prompt)) for pair in pairs]
    axes.hist([min(ratio, 6.0) for ratio in ratios], [step / 8 for step in range(49)], color=_BLUE)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set(xlabel="times as long (the last bar: 6 and more)", ylabel="pairs", title="Optimized prompt to prompt")


def _sources(axes: Any, pairs: Sequence[Pair], rejects: Sequence[Reject]) -> None:
    kept, lost = Counter(pair.source for pair in pairs), Counter(reject.source for reject in rejects)
    names = sorted({*kept, *lost}, reverse=True)
    axes.barh(names, [kept[name] for name in names], color=_BLUE, label="pairs")
    axes.barh(names, [lost[name] for name in names], left=[kept[name] for name in names], color=_GREY, label="left out")
    axes.legend()
    axes.set(xlabel="rows", title="Sources")


def _reasons(axes: Any, rejects: Sequence[Reject]) -> None:
    counts = Counter(f"{reject.stage}: {reject.reason}" for reject in rejects)
    most = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_REASONS][::-1]
    bars = axes.barh(most, [counts[name] for name in most], color=_GREY)
    axes.bar_label(bars, padding=3)  # a reason with few rows has no bar that can be seen
    axes.margins(x=0.15)
    axes.set(xlabel="rows", title=f"Reasons for leaving out (the first {_MOST_REASONS})")
