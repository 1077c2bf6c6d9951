"""One call of the optimizer: its prompts on their way, its deadline, its results."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from bpo_model.background import run_in_background
from bpo_model.checkpoint import Checkpoint
from bpo_model.config import Options
from bpo_model.errors import BPOError, PromptError
from bpo_model.gate import must_leave_alone, should_rewrite
from bpo_model.generations import Flow, Generations
from bpo_model.job import Job
from bpo_model.log import log_failure
from bpo_model.messages import Target, find_target
from bpo_model.own_texts import OwnTexts
from bpo_model.rewriting import rewrite
from bpo_model.schema import OptimizedPrompt, Prompt, Reason
from bpo_model.split import Split, split

logger = logging.getLogger(__name__)


class Call:
    """Runs once, in any thread; another thread may end it early and take what is there."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        options: Options,
        checkpoint: Checkpoint,
        generations: Generations,
        own: OwnTexts,
    ) -> None:
        """The clock starts now."""
        self._prompts, self._options, self._checkpoint, self._own = prompts, options, checkpoint, own
        self._generations = generations
        self._started = time.perf_counter()
        self._results: list[OptimizedPrompt | None] = [None] * len(prompts)
        self._failure = ""

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline, at least 0; None without one."""
        if self._options.deadline_ms is None:
            return None
        return max(0.0, self._started + self._options.deadline_ms / 1000 - time.perf_counter())

    def run(self) -> None:
        """Take every prompt to its end; never raises, because the originals must go out."""
        try:
            self._generations.run(self._flow(index, prompt) for index, prompt in enumerate(self._prompts))
        except Exception as error:  # noqa: BLE001  # a closed worker, or a defect: fail open
            self._failure = _describe(error)

    def start(self) -> Future[None]:
        """Run in a background thread; where there is none to be had, the originals go out."""
        try:
            return run_in_background(self.run)
        except RuntimeError as error:  # the system gives no thread, or the interpreter is leaving
            self._failure = _describe(error)
            failed: Future[None] = Future()
            failed.set_result(None)
            return failed

    def finish(self) -> list[OptimizedPrompt]:
        """Results in the order of the prompts; what is not done by now is given up."""
        self._generations.stop()
        done = list(self._results)
        return [result or self._give_up(prompt) for result, prompt in zip(done, self._prompts, strict=True)]

    def _flow(self, index: int, prompt: Prompt) -> Flow:
        """All hops of one prompt; a failure is its own result and spares its neighbours."""
        job = _unread(prompt, self._started)
        try:
            self._start(job)
            if job.open:
                yield from rewrite(job, self._checkpoint, self._options.sampling, self._options.iterations)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the original goes out
            job.close(Reason.ERROR, _describe(error))
        self._results[index] = job.result(self._checkpoint.name, time.perf_counter())

    def _start(self, job: Job) -> None:
        """Hops one to three: find the text, ask the gate, split."""
        try:
            job.target = find_target(job.prompt)
        except PromptError as error:
            job.close(Reason.ERROR, str(error))
            return
        text = job.target.text
        job.parts = split(text or "")
        job.instruction = job.parts.instruction
        reason = Reason.NO_USER_TEXT if text is None else self._reason_to_skip(text, job.parts, job.target)
        if reason:
            job.close(reason)

    def _reason_to_skip(self, text: str, parts: Split, target: Target) -> Reason | None:
        """The gate, under the caller's switch."""
        if self._options.rewrite == "never":
            return Reason.SWITCHED_OFF
        policy = self._checkpoint.policy
        if self._options.rewrite == "always":
            return must_leave_alone(text, parts, policy)
        if text in self._own:
            return Reason.ALREADY_OPTIMIZED
        return should_rewrite(text, parts, policy, has_history=target.has_history)

    def _give_up(self, prompt: Prompt) -> OptimizedPrompt:
        """The original, with the reason."""
        job = _unread(prompt, self._started)
        for target in _targets(prompt):
            job.target = target
        if self._failure:
            job.close(Reason.ERROR, self._failure)
        job.close(Reason.DEADLINE, f"no verified rewrite within {self._options.deadline_ms or 0:g} ms")
        return job.result(self._checkpoint.name, time.perf_counter())


def _unread(prompt: Prompt, started: float) -> Job:
    """A job whose text was not looked for yet."""
    return Job(prompt, Target(None), Split("", "", ""), started)


def _targets(prompt: Prompt) -> Iterator[Target]:
    """The target, or nothing if the prompt cannot be read."""
    try:
        yield find_target(prompt)
    except PromptError:
        return


def _describe(error: Exception) -> str:
    """One line for `detail`; unexpected errors are logged."""
    if not isinstance(error, BPOError):
        log_failure(logger, "the optimizer failed", error)
    return f"{type(error).__name__}: {error}"
