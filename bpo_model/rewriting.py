"""Hops four and five for one prompt: generate candidates, verify each, keep the best that holds."""

from collections.abc import Generator

from bpo_model.checkpoint import Checkpoint
from bpo_model.config import SamplingConfig
from bpo_model.contract import verify
from bpo_model.engines.base import Candidate, Generated, Request
from bpo_model.job import Job
from bpo_model.prefill import finished, prefill
from bpo_model.schema import Reason, Violation
from bpo_model.selection import choose

TOKENS_PER_WORD = 2
"""Generous for English; a candidate that needs more is over the length budget anyway."""


def rewrite(
    job: Job, checkpoint: Checkpoint, sampling: SamplingConfig, iterations: int
) -> Generator[list[Request], list[Generated], None]:
    """Yield requests, take their results, until the job is closed; runs no model itself."""
    for _ in range(iterations):
        changed = yield from _one_iteration(job, checkpoint, sampling)
        if not changed:
            break
    changed = job.instruction != job.parts.instruction
    job.close(Reason.REWRITTEN if changed else Reason.UNCHANGED)


def _one_iteration(
    job: Job, checkpoint: Checkpoint, sampling: SamplingConfig
) -> Generator[list[Request], list[Generated], bool]:
    """Feed the instruction to the model once; returns whether it changed and may be fed again."""
    for attempt in range(1 + sampling.retries):
        generated = yield _requests(job, checkpoint, sampling, attempt)
        passing = _take(job, generated, checkpoint)
        if passing:
            return _accept(job, passing, sampling)
        if not job.open:
            return False
    if job.instruction == job.parts.instruction:
        job.close(Reason.REJECTED, _most_common(job.violations))
    return False


def _requests(job: Job, checkpoint: Checkpoint, sampling: SamplingConfig, attempt: int) -> list[Request]:
    """Only the very first candidate uses the mode's own temperature; retries are drawn one by one."""
    start = prefill(job.instruction) if checkpoint.prefill else ""
    steered = checkpoint.prefill.sampling(job.instruction) if checkpoint.prefill and start else {}
    return [
        Request(
            prompt=checkpoint.template.render(job.instruction, start),
            max_tokens=_max_tokens(job, checkpoint),
            temperature=sampling.temperature if number == 0 and attempt == 0 else sampling.retry_temperature,
            top_p=sampling.top_p,
            seed=sampling.seed + 1000 * attempt + number,
            **steered,
        )
        for number in range(sampling.candidates if attempt == 0 else 1)
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
        text = _text(job, item)
        violations = _violations(job, item, text, checkpoint)
        job.violations += violations
        if not violations:
            passing.append(text)
    errors = [item for item in generated if not isinstance(item, Candidate)]
    if len(errors) == len(generated):
        job.close(Reason.ERROR, str(errors[0]))
    return passing


def _text(job: Job, candidate: Candidate) -> str:
    """The rewrite; where nothing but a capital or a full stop came in, the instruction as it was."""
    text = candidate.text.strip()
    return job.instruction if text.casefold() == finished(job.instruction).strip().casefold() else text


def _violations(job: Job, candidate: Candidate, text: str, checkpoint: Checkpoint) -> list[Violation]:
    """What is wrong with a candidate, as a rewrite of the user's own instruction."""
    if candidate.finish != "stop":
        return [Violation("finished", f"the model was stopped: {candidate.finish}", text)]
    return list(verify(job.parts.instruction, text, checkpoint.length, after=job.parts.after))


def _accept(job: Job, passing: list[str], sampling: SamplingConfig) -> bool:
    """Keep the best verified candidate; returns whether it changed anything."""
    best = choose(passing, job.instruction, prefer_changed=sampling.prefer_changed)
    changed, job.instruction = best != job.instruction, best
    job.others = [text for text in dict.fromkeys(passing) if text not in (best, job.parts.instruction)]
    return changed


def _most_common(violations: list[Violation]) -> str:
    """The failed checks, most frequent first."""
    names = [violation.check for violation in violations]
    return ", ".join(sorted(set(names), key=lambda name: (-names.count(name), names.index(name))))
