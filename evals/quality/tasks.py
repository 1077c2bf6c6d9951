"""Harm detectors: tasks whose answers code can check, asked as they are and rewritten.

Half of them are small calculations, half are demands on the form of the answer: what a rewrite
must not spoil. Written for this measurement.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model import OptimizedPrompt
from bpo_model.compare.types import Chat, Reply
from evals.quality.checks import passes
from evals.quality.health import Rewriter
from evals.quality.measures import paired, share
from evals.rewrites import read_rows

FILE = Path(__file__).with_name("tasks.jsonl")
MATH = frozenset({"arithmetic", "word_problem"})
"""Kinds with a number as the answer; all others are about form."""
MAX_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt, and what makes an answer to it right."""

    id: str
    kind: str
    prompt: str
    check: Mapping[str, Any]
    """`name` of a function in checks.py and its `args`."""

    def passed(self, answer: str) -> bool:
        """Whether the answer is right."""
        return passes(answer, self.check["name"], self.check["args"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task with both of its prompts and answers."""

    task: Task
    result: OptimizedPrompt
    before: Reply
    """Answer to the original prompt."""
    after: Reply
    """Answer to what was sent instead; the same answer if that is the original."""

    @property
    def scores(self) -> tuple[bool, bool]:
        """Whether each of the two answers is right."""
        return self.task.passed(self.before.text), self.task.passed(self.after.text)


def load_tasks() -> list[Task]:
    """All tasks, in the order of the file."""
    return [Task(**row) for row in read_rows(FILE)]


async def score(
    chat: Chat, tasks: Sequence[Task], rewriters: Mapping[str, Rewriter], concurrency: int = 1
) -> dict[str, list[Outcome]]:
    """Ask every different prompt once, greedily; outcomes by rewriter, in the order of the tasks.

    A prompt that was left alone thus is an exact tie. The answers are checked against the
    original task. Whatever the endpoint raises ends the measurement: tasks are never dropped.
    """
    prompts = [task.prompt for task in tasks]
    # In a thread: rewriting waits for a model, and the endpoint's connections live in this loop.
    results = {name: await asyncio.to_thread(rewriter, prompts) for name, rewriter in rewriters.items()}
    texts = [result.text for some in results.values() for result in some]
    answers = await _answers(chat, dict.fromkeys([*prompts, *texts]), concurrency)
    return {
        name: [
            Outcome(task, result, answers[task.prompt], answers[result.text])
            for task, result in zip(tasks, some, strict=True)
        ]
        for name, some in results.items()
    }


async def _answers(chat: Chat, prompts: Iterable[str], concurrency: int) -> dict[str, Reply]:
    """The answer to each prompt."""
    slots = asyncio.Semaphore(concurrency)

    async def ask(prompt: str) -> tuple[str, Reply]:
        async with slots:
            return prompt, await chat([{"role": "user", "content": prompt}], temperature=0, max_tokens=MAX_TOKENS)

    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(ask(prompt)) for prompt in prompts]
    return dict(task.result() for task in waiting)


def prevented(gated: Sequence[Outcome], ungated: Sequence[Outcome]) -> dict[str, Any]:
    """What the gate is worth: right answers with it minus right answers without it, task by task."""
    return paired([one.scores[1] for one in gated], [one.scores[1] for one in ungated])


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Accuracy and paired differences by group, who was left alone and why, and every task with its answers."""
    groups = {
        "all": list(outcomes),
        "math": [one for one in outcomes if one.task.kind in MATH],
        "form": [one for one in outcomes if one.task.kind not in MATH],
        "rewritten": [one for one in outcomes if one.result.changed],
    }
    return {
        "n": len(outcomes),
        "reasons": dict(Counter(one.result.reason.value for one in outcomes).most_common()),
        "groups": {name: _accuracy(some) for name, some in groups.items()},
        "broken": [one.task.id for one in outcomes if one.scores == (True, False)],
        "mended": [one.task.id for one in outcomes if one.scores == (False, True)],
        "tasks": {one.task.id: _record(one) for one in outcomes},
    }


def _accuracy(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Both accuracies, their difference, and how many answers were cut at the most tokens."""
    before, after = ([one.scores[side] for one in outcomes] for side in (0, 1))
    return {
        "rewritten": sum(one.result.changed for one in outcomes),
        "original": share(before),
        "sent": share(after),
        "difference": paired(after, before),
        "cut": [sum(reply.finish_reason == "length" for reply in replies) for replies in _replies(outcomes)],
    }


def _replies(outcomes: Sequence[Outcome]) -> tuple[list[Reply], list[Reply]]:
    """The answers to the original prompts and to what was sent."""
    return [one.before for one in outcomes], [one.after for one in outcomes]


def _record(one: Outcome) -> dict[str, Any]:
    """Everything about one task, so that a reader can judge the checks, too."""
    return {
        "prompt": one.task.prompt, "sent": one.result.text, "reason": one.result.reason.value,
        "answers": [one.before.text, one.after.text], "right": list(one.scores),
    }  # fmt: skip
