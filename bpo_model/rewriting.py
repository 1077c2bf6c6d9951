"""Hops four and five: generate candidates, verify each, keep the best that holds."""

from collections.abc import Callable, Sequence

from bpo_model.checkpoint import Checkpoint
from bpo_model.config import SamplingConfig
from bpo_model.contract import verify
from bpo_model.engines.base import Candidate, Engine, Generated, Request
from bpo_model.job import Job
from bpo_model.schema import Reason, Violation
from bpo_model.selection import choose

TOKENS_PER_WORD = 2
"""Generous for English; a candidate that needs more is over the length budget anyway."""


def rewrite(
    jobs: Sequence[Job],
    engine: Engine,
    checkpoint: Checkpoint,
    sampling: SamplingConfig,
    iterations: int,
    cancelled: Callable[[], bool],
) -> None:
    """Rewrite all open jobs in place, in as few engine calls as possible."""
    pending = [job for job in jobs if job.open]
    for _ in range(iterations):
        if not pending:
            break
        pending = _one_iteration(pending, engine, checkpoint, sampling, cancelled)
    for job in jobs:
        if job.open:
            changed = job.instruction != job.parts.instruction
            job.close(Reason.REWRITTEN if changed else Reason.UNCHANGED)


def _one_iteration(
    jobs: list[Job],
    engine: Engine,
    checkpoint: Checkpoint,
    sampling: SamplingConfig,
    cancelled: Callable[[], bool],
) -> list[Job]:
    """Feed each job's instruction to the model once; returns the jobs that changed and may go on."""
    going_on, waiting = [], jobs
    for attempt in range(1 + sampling.retries):
        count = sampling.candidates if attempt == 0 else 1
        generated = engine.generate(_requests(waiting, checkpoint, sampling, attempt, count), cancelled)
        unsettled = []
        for index, job in enumerate(waiting):
            passing = _take(job, generated[index * count : (index + 1) * count], checkpoint)
            if passing:
                going_on += [job] if _accept(job, passing, sampling) else []
            elif job.open:
                unsettled.append(job)
        waiting = unsettled
        if not waiting:
            break
    for job in waiting:
        if job.instruction == job.parts.instruction:
            job.close(Reason.REJECTED, _most_common(job.violations))
    return going_on


def _requests(
    jobs: list[Job], checkpoint: Checkpoint, sampling: SamplingConfig, attempt: int, count: int
) -> list[Request]:
    """`count` requests a job; only the very first candidate of a job uses the mode's own temperature."""
    return [
        Request(
            prompt=checkpoint.template.render(job.instruction),
            max_tokens=_max_tokens(job, checkpoint),
            temperature=sampling.temperature if number == 0 and attempt == 0 else sampling.retry_temperature,
            top_p=sampling.top_p,
            seed=sampling.seed + 1000 * attempt + number,
        )
        for job in jobs
        for number in range(count)
    ]


def _max_tokens(job: Job, checkpoint: Checkpoint) -> int:
    """Tokens that a rewrite within the length budget can need, at most half of the context."""
    words = checkpoint.length.limit(len(job.parts.instruction.split()))
    return min(TOKENS_PER_WORD * words, checkpoint.context_tokens // 2)


def _take(job: Job, generated: list[Generated], checkpoint: Checkpoint) -> list[str]:
    """Count tokens, verify against the original, record violations; returns what holds."""
    passing = []
    for item in generated:
        if not isinstance(item, Candidate):
            continue
        job.prompt_tokens += item.prompt_tokens
        job.completion_tokens += item.completion_tokens
        violations = _violations(job, item, checkpoint)
        job.violations += violations
        if not violations:
            passing.append(item.text.strip())
    errors = [item for item in generated if not isinstance(item, Candidate)]
    if len(errors) == len(generated):
        job.close(Reason.ERROR, str(errors[0]))
    return passing


def _violations(job: Job, candidate: Candidate, checkpoint: Checkpoint) -> list[Violation]:
    """What is wrong with a candidate, as a rewrite of the user's own instruction."""
    text = candidate.text.strip()
    if candidate.finish != "stop":
        return [Violation("finished", f"the model was stopped: {candidate.finish}", text)]
    return list(verify(job.parts.instruction, text, checkpoint.length, after=job.parts.after))


def _accept(job: Job, passing: list[str], sampling: SamplingConfig) -> bool:
    """Keep the best verified candidate; returns whether it changed anything."""
    best = choose(passing, job.instruction, prefer_changed=sampling.prefer_changed)
    changed, job.instruction = best != job.instruction, best
    return changed


def _most_common(violations: list[Violation]) -> str:
    """The failed checks, most frequent first."""
    names = [violation.check for violation in violations]
    return ", ".join(sorted(set(names), key=lambda name: (-names.count(name), names.index(name))))
