"""What a run will still cost, before it starts: what the store holds costs nothing."""

from collections.abc import Mapping, Sequence

from bpo_model.compare.calls import answer_key, verdict_key
from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.expense import (
    ANSWER_TOKENS,
    CHARACTERS_PER_TOKEN,
    INSTRUCTION_TOKENS,
    VERDICT_TOKENS,
    Line,
    line_of,
    total_usd,
)
from bpo_model.compare.judging import PAIRWISE
from bpo_model.compare.scores import ORDERS
from bpo_model.compare.store import Record, Store
from bpo_model.compare.types import Message
from bpo_model.prove.prompts import Case
from bpo_model.prove.rewrites import sent


def plan(
    cases: Sequence[Case], rewrites: Mapping[str, Record], target: ModelSpec, judge: ModelSpec, store: Store
) -> list[Line]:
    """At most so much: equal answers need no verdict. A judge that has to be reminded of the form costs more.

    Answers count as 350 tokens, or what `max_tokens` allows if that is less, and verdicts as 250.
    """
    changed = [case for case in cases if rewrites[case.id]["changed"]]
    prompts = {case.id: [sent(prompt) for prompt in (rewrites[case.id]["prompt"], case.prompt)] for case in changed}
    missing = [one for pair in prompts.values() for one in pair if not _answer(store, one, target)]
    answer = min(ANSWER_TOKENS, target.params.get("max_tokens") or ANSWER_TOKENS)
    orders = [
        (case, _orders_open(case, [_answer(store, one, target) for one in prompts[case.id]], judge, store))
        for case in changed
    ]
    calls = sum(count for _, count in orders)
    asked = sum(count * len(case.question) for case, count in orders) / CHARACTERS_PER_TOKEN
    verdict = min(VERDICT_TOKENS, judge.params.get("max_tokens") or VERDICT_TOKENS)
    return [
        line_of("target", target.model, target, len(missing), sum(map(_tokens, missing)), answer * len(missing)),
        line_of("judge", judge.model, judge, calls, asked + calls * (2 * answer + INSTRUCTION_TOKENS),
                verdict * calls),
    ]  # fmt: skip


def to_text(lines: Sequence[Line], cases: int, changed: int) -> str:
    """The plan for people."""
    head = f"{cases:,} prompts, {changed:,} of them rewritten; the others are ties and need no call."
    if not any(line.calls for line in lines):
        return f"{head}\nNothing is left to ask."
    usd = total_usd(list(lines))
    money = "at a cost that is unknown (give --target-price and --judge-price)" if usd is None else f"about ${usd:.2f}"
    money = "at no cost" if usd == 0 else money
    calls = " and ".join(f"{line.calls:,} to the {line.role} {line.model}" for line in lines)
    minutes = max(1, round(sum(line.minutes for line in lines)))
    return f"{head}\nAt most {calls}: {money}, about {minutes:,} minute{'s' if minutes > 1 else ''}."


def name_of(spec: ModelSpec) -> str:
    """What stands for a model in the keys of its calls: a model of the same name elsewhere is another one."""
    return f"{spec.model} at {spec.base_url.split('?')[0].rpartition('@')[2].rpartition('//')[2].rstrip('/')}"


def _answer(store: Store, messages: Sequence[Message], target: ModelSpec) -> Record | None:
    return store.get("answer", answer_key(name_of(target), target.params, messages))


def _orders_open(case: Case, answers: Sequence[Record | None], judge: ModelSpec, store: Store) -> int:
    """How many verdicts on a pair have to be asked for: none if the answers are equal."""
    texts = [str(answer["text"]) for answer in answers if answer]
    if len(texts) < len(answers):
        return len(ORDERS)
    if texts[0] == texts[1]:
        return 0
    given = (texts[0], texts[1])
    keys = [verdict_key(name_of(judge), judge.params, PAIRWISE, case.question, given, order) for order in ORDERS]
    return sum(store.get("judge", key) is None for key in keys)


def _tokens(messages: Sequence[Mapping[str, object]]) -> float:
    return sum(len(str(message.get("content"))) for message in messages) / CHARACTERS_PER_TOKEN
