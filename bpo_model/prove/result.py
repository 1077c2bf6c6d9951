"""result.json: everything about a run for programs, and for the report."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.store import Record
from bpo_model.prove.decide import Verdict
from bpo_model.prove.measure import Measured
from bpo_model.prove.pairs import Pair
from bpo_model.prove.plan import name_of
from bpo_model.prove.run import Done, Setup

VERSION = 1
EFFECTS = {"all prompts": "every", "changed prompts": "changed", "changed prompts, at equal length": "controlled",
           "all prompts, both orders agree": "agreed"}  # fmt: skip
"""What an effect is called, and where it stands in `Measured`."""


def to_result(
    setup: Setup, done: Done, measured: Measured | None, verdict: Verdict, worth: float, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Plain data, ready for JSON; no keys, and of the texts only prompts and rewrites.

    `before` is the result that stood in the folder, empty if there was none.
    """
    compared = {"target": _spec(setup.target), "judge": _spec(setup.judge), "optimizer": setup.identity}
    looks = _looks(before, compared, len(done.pairs))
    return {
        "v": VERSION,
        "verdict": verdict.word,
        "exit_code": verdict.exit_code,
        "sentence": verdict.sentence,
        "more_prompts": verdict.more,
        "warnings": [*verdict.warnings, *_stopped(done, len(setup.cases)), *_looked(looks)],
        "smallest_effect_worth_having": worth,
        "effects": _effects(measured),
        "missing_verdicts_bound": list(measured.bounds) if measured else None,
        "counts": {"prompts": len(done.pairs), **Counter(pair.kind for pair in done.pairs)},
        "judge": asdict(measured.diagnostics) if measured else None,
        "added": asdict(measured.added) if measured else None,
        "calls": _calls(done.pairs),
        "looks": looks,
        "setup": {
            **compared, "prompts_given": len(setup.cases), "repeated_prompts_left_out": setup.repeated,
            "date": datetime.now(UTC).date().isoformat(),
        },
        "pairs": [_pair(pair) for pair in done.pairs],
    }  # fmt: skip


def _effects(measured: Measured | None) -> dict[str, Any]:
    """Delta win rates in points, each with n and 95% interval."""
    found = {} if measured is None else {name: getattr(measured, field) for name, field in EFFECTS.items()}
    effects = {name: asdict(one) for name, one in found.items() if one is not None}
    if "changed prompts, at equal length" in effects:
        effects["changed prompts, at equal length"]["n"] = effects["changed prompts"]["n"]
    return effects


def _stopped(done: Done, cases: int) -> list[str]:
    """Why there are fewer pairs than prompts."""
    if not done.stopped:
        return []
    return [f"Stopped after {len(done.pairs)} of {cases} prompts: {done.stopped}. Nothing was spent on the others."]


def _looks(before: Mapping[str, Any], compared: Mapping[str, Any], n: int) -> list[int]:
    """The numbers of prompts on which this comparison has had a verdict, this one included."""
    setup = before.get("setup", {})
    same = all(setup.get(name) == one for name, one in json.loads(json.dumps(compared)).items())
    return sorted({*(before["looks"] if same else ()), n})


def _looked(looks: Sequence[int]) -> list[str]:
    """Whoever looks until the answer pleases gets it sooner or later."""
    if len(looks) < 2:
        return []
    return [
        f"This is look {len(looks)} at a growing sample (after {', '.join(map(str, looks))} prompts). Each further "
        "look makes a wrong verdict likelier."
    ]


def _calls(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What the pairs rest on: calls with an answer, their tokens and their price."""
    answers = _unique(answer for pair in pairs for answer in pair.answers or ())
    replies = [
        reply for record in _unique(record for pair in pairs for record in pair.verdicts.values())
        for reply in record.get("replies", [])
    ]  # fmt: skip
    calls = [*answers, *replies]
    spent = [call.get("usd") for call in calls]
    return {
        "answers": len(answers), "judge_replies": len(replies),
        "tokens_in": sum(call.get("tokens_in", 0) for call in calls),
        "tokens_out": sum(call.get("tokens_out", 0) for call in calls),
        "usd": None if None in spent else round(sum(price or 0 for price in spent), 6),
        "served_models": sorted({str(call.get("model", "")) for call in calls} - {""}),
        "dropped_parameters": sorted({name for call in calls for name in call.get("dropped", ())}),
    }  # fmt: skip


def _unique(records: Any) -> list[Record]:
    """Each call once, and none that failed."""
    return list({record["key"]: record for record in records if record["status"] != "error"}.values())


def _spec(spec: ModelSpec) -> Mapping[str, Any]:
    return {"name": name_of(spec), "params": dict(spec.params), "price_in": spec.price_in, "price_out": spec.price_out,
            "calls_at_once": spec.concurrency}  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    """One prompt; answers and what the judge wrote are in the calls."""
    return {
        "id": pair.case.id, "line": pair.case.line, "outcome": pair.kind, "flipped": pair.flipped,
        "reason": pair.rewrite["reason"], "original": pair.rewrite["original"], "rewritten": pair.rewrite["text"],
        "winners": {one.order: {"a": "rewrite", "b": "original"}.get(one.winner or "", one.winner)
                    for one in pair.judgments if pair.verdicts},
    }  # fmt: skip
