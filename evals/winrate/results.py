"""From the verdicts of a run to its report: report.md, report.csv, report.json and report.html in the run's folder."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpo_model.compare.diagnostics import MAX_FLIPS, MAX_INVALID
from bpo_model.compare.stats import Summary, summarize
from bpo_model.compare.store import FILES, Record, Stage, read, read_all
from bpo_model.compare.types import Judgment
from bpo_model.files import write_text
from evals.winrate.figures import forest, iterations, shares
from evals.winrate.page import to_html
from evals.winrate.published import cited
from evals.winrate.tables import to_csv, to_json, to_markdown

VERDICTS = "verdicts.jsonl"
DISAGREEMENTS = 20


def save_verdicts(folder: Path, judgments: Sequence[Judgment]) -> None:
    """Write all verdicts, whole or not at all."""
    lines = [json.dumps(asdict(judgment)) for judgment in judgments]
    write_text(folder / VERDICTS, "".join(f"{line}\n" for line in lines))


def load_verdicts(folder: Path) -> list[Judgment]:
    """Read them back.

    Raises:
        FileNotFoundError: If the run did not come to its end.
    """
    file = folder / VERDICTS
    if not file.exists():
        raise FileNotFoundError(f"{folder.name} has no {VERDICTS}: run it to its end first, with the same command")
    return [Judgment(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def report(folder: Path, *, seed: int, resamples: int = 10_000) -> int:
    """Write the report; the exit code is 0, 2 if calls failed, 3 if too many verdicts cannot be read."""
    judgments = load_verdicts(folder)
    published = cited(judgments[0].experiment) if judgments else {}
    summaries = [
        summarize(group, seed=seed, resamples=resamples)
        for group in _comparisons(judgments).values() if any(judgment.winner for judgment in group)
    ]  # fmt: skip
    records: dict[Stage, dict[str, Record]] = {stage: read(folder, stage) for stage in FILES}
    facts = _facts(folder, judgments)
    warnings = _warnings(judgments, summaries)
    body = f"{to_markdown(summaries, published)}\n\n{_provenance(facts)}\n"
    figures = {
        "Wins of A, ties and wins of B": shares(summaries),
        "Delta win rate, A minus B": forest(summaries, published),
        **_by_iteration(summaries, judgments),
    } if summaries else {}  # fmt: skip
    pages = _disagreements(judgments, records, seed)
    write_text(folder / "report.md", "\n\n".join(filter(None, [f"# {folder.name}", warnings, body])))
    write_text(folder / "report.csv", to_csv(summaries))
    write_text(folder / "report.json", json.dumps({"comparisons": to_json(summaries, published), **facts}, indent=1))
    write_text(folder / "report.html", to_html(folder.name, warnings, body, figures, pages))
    return _exit_code(judgments)


def _comparisons(judgments: Sequence[Judgment]) -> dict[tuple[str, str], list[Judgment]]:
    """Verdicts by row and judge, in their order."""
    found: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        found.setdefault((judgment.row, judgment.judge), []).append(judgment)
    return found


def _by_iteration(summaries: Sequence[Summary], judgments: Sequence[Judgment]) -> dict[str, str]:
    """A curve for each judge, if the rows differ in how often a prompt was rewritten."""
    often = {judgment.row: judgment.iterations for judgment in judgments}
    if len(set(often.values())) < 2:
        return {}
    curves: dict[str, list[tuple[int, Any]]] = {}
    for summary in summaries:
        curves.setdefault(summary.judge, []).append((often[summary.row], summary.items.macro))
    return {f"Delta win rate by iteration ({judge})": iterations(sorted(curve)) for judge, curve in curves.items()}


def _exit_code(judgments: Sequence[Judgment]) -> int:
    counts = Counter(judgment.status for judgment in judgments)
    if counts["error"]:
        return 2
    return 3 if counts["invalid"] > MAX_INVALID * len(judgments) else 0


def _warnings(judgments: Sequence[Judgment], summaries: Sequence[Summary]) -> str:
    """What a reader must know before the numbers."""
    counts, lines = Counter(judgment.status for judgment in judgments), []
    if counts["error"]:
        lines.append(f"* Incomplete: {counts['error']} calls failed. The same command tries them again.")
    if counts["invalid"] > MAX_INVALID * len(judgments):
        lines.append(f"* {counts['invalid']} of {len(judgments)} verdicts cannot be read: this judge is unfit.")
    flips = {summary.judge: summary.diagnostics.flips for summary in summaries}
    lines += [
        f"* {judge} changes its mind with the order of the answers in {share:.0f}% of the items: this judge is unfit."
        for judge, share in flips.items()
        if share is not None and share > MAX_FLIPS
    ]
    return "\n".join(lines)


def _facts(folder: Path, judgments: Sequence[Judgment]) -> dict[str, Any]:
    """Where the numbers come from: manifest, served models, and the cost of all calls that got an answer."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    answers = [record for record in read_all(folder, "answer") if record["status"] == "ok"]
    replies = [reply for record in read_all(folder, "judge") for reply in record.get("replies", [])]
    calls = [*answers, *replies]
    spent = [call.get("usd") for call in calls]
    return {
        "manifest": manifest,
        "statuses": dict(Counter(judgment.status for judgment in judgments)),
        "served_models": sorted({call.get("model", "") for call in calls}),
        "calls": {"answers": len(answers), "judge replies": len(replies)},
        "cut_at_max_tokens": {"answers": _cut(answers), "judge replies": _cut(replies)},
        "tokens": {name: sum(call.get(f"tokens_{name}", 0) for call in calls) for name in ("in", "out")},
        "usd": None if None in spent else round(sum(price or 0 for price in spent), 4),
    }


def _cut(calls: Sequence[Mapping[str, Any]]) -> int:
    """How many texts ended because they were not allowed to be longer."""
    return sum(call.get("finish_reason") == "length" for call in calls)


def _provenance(facts: Mapping[str, Any]) -> str:
    """The facts for people."""
    usd = "unknown" if facts["usd"] is None else f"{facts['usd']:.4f}"
    lines = [
        f"* served models: {', '.join(facts['served_models'])}",
        f"* calls: {facts['calls']['answers']} answers, {facts['calls']['judge replies']} judge replies; "
        f"{facts['tokens']['in']:,} tokens in, {facts['tokens']['out']:,} out; USD {usd}",
        f"* cut at max_tokens: {facts['cut_at_max_tokens']['answers']} answers, "
        f"{facts['cut_at_max_tokens']['judge replies']} judge replies",
        f"* dataset sha256: {facts['manifest']['dataset_sha']}",
        *(f"* session: {json.dumps(session, sort_keys=True)}" for session in facts["manifest"]["sessions"]),
    ]
    return "## Where this comes from\n\n" + "\n".join(lines)


def _disagreements(
    judgments: Sequence[Judgment], records: Mapping[Stage, Mapping[str, Record]], seed: int
) -> list[dict[str, Any]]:
    """Items whose two orders have different winners, a seeded sample, with everything to read."""
    pairs: dict[tuple[str, str, str, int], dict[str, Judgment]] = {}
    for one in judgments:
        if one.status == "ok":
            pairs.setdefault((one.row, one.judge, one.item, one.replicate), {})[one.order] = one
    apart = [pair for pair in pairs.values() if len(pair) == 2 and pair["ab"].winner != pair["ba"].winner]
    chosen = random.Random(seed).sample(apart, min(DISAGREEMENTS, len(apart)))
    return [_to_read(pair, records) for pair in chosen]


def _to_read(pair: Mapping[str, Judgment], records: Mapping[Stage, Mapping[str, Record]]) -> dict[str, Any]:
    """Both prompts, both answers, both verdicts."""
    one = pair["ab"]
    answers = {arm: records["answer"][one.details[f"{arm}_key"]] for arm in ("a", "b")}
    said = {order: records["judge"][pair[order].details["key"]]["replies"][-1]["text"] for order in ("ab", "ba")}
    found = {"item": one.item, "row": one.row, "judge": one.judge}
    for arm, answer in answers.items():
        found[f"prompt {arm}"], found[f"answer {arm}"] = answer["messages"][-1]["content"], answer["text"]
    for order, first in (("ab", "a"), ("ba", "b")):
        found[f"judge, {first} first"] = f"{said[order]}\n\nwinner: {pair[order].winner}"
    return found
