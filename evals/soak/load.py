"""The ways in which an application uses the optimizer, each as a function that does it once."""

import asyncio
import copy
import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bpo_model import PromptOptimizer
from bpo_model.cache import ENTRIES, MEMORY
from bpo_model.checks.matching import stem
from bpo_model.config import SamplingConfig
from bpo_model.own_texts import REMEMBERED
from bpo_model.schema import OptimizedPrompt, Prompt
from evals.soak import prompts
from evals.soak.promises import broken, sent_text

WRITTEN = 150
"""Characters of a usual rewrite."""
LONGEST = 110
"""Words of several tokens each; with as many written, the model's context is nearly full."""
CHILD_S = 120
"""A forked child that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Event:
    """What came of one prompt."""

    reason: str
    """A reason, or what was done where there is none."""
    broken: tuple[str, ...] = ()
    late_ms: float = 0.0
    """How long after its deadline the result came."""


class World:
    """What all actions share: one loaded model behind optimizers of different settings."""

    def __init__(self, optimizer: PromptOptimizer | None = None, uncached: PromptOptimizer | None = None) -> None:
        """The embedded default, or others for tests."""
        self.optimizer = optimizer or PromptOptimizer.from_pretrained()
        self.uncached = uncached or PromptOptimizer.from_pretrained(cache="off")
        self._fill_caches()
        self._use_all_memory()

    def _use_all_memory(self) -> None:
        """The longest prompts on every slot: pages of the model's own buffers count when they are first written."""
        slots = getattr(self.optimizer.engine, "slots", 1)
        longest = [f"explain {number} {'zq7 ' * LONGEST}" for number in range(slots)]
        self.uncached.optimize_batch(longest, rewrite="always", mode=SamplingConfig(retries=0))

    def _fill_caches(self) -> None:
        """Full caches from the start: what grows then is none."""
        for number in range(ENTRIES):
            MEMORY.write(number.to_bytes(32), f"{number} {'x' * WRITTEN}", "stop")
        for number in range(stem.cache_info().maxsize or 0):
            stem(f"w{number}")
        for optimizer in (self.optimizer, self.uncached):
            optimizer._own.add(str(number) for number in range(REMEMBERED))

    def any(self, rng: random.Random) -> PromptOptimizer:
        """With or without a cache."""
        return self.optimizer if rng.random() < 0.7 else self.uncached

    @cached_property
    def chain(self) -> Any:
        """LangChain's adapter in front of an LLM that says back what it was asked, word by word."""
        from langchain_core.runnables import RunnableGenerator

        from bpo_integrations.langchain import BPORunnable

        def echo(texts: Iterator[Any]) -> Iterator[str]:
            for text in texts:
                yield from (f"{word} " for word in str(text).split(" "))

        return BPORunnable(optimizer=self.optimizer) | RunnableGenerator(echo)


Action = Callable[[World, random.Random], Iterable[Event]]


def single(world: World, rng: random.Random) -> Iterable[Event]:
    """One call, text or conversation."""
    prompt = rng.choice((prompts.text, prompts.conversation))(rng)
    return _judged([prompt], [world.any(rng).optimize(prompt)])


def batch(world: World, rng: random.Random) -> Iterable[Event]:
    """Several prompts at once, bad ones among them."""
    given = [prompts.bad(rng) if rng.random() < 0.3 else prompts.text(rng) for _ in range(rng.randint(1, 8))]
    return _judged(given, world.any(rng).optimize_batch(given))


def hurried(world: World, rng: random.Random) -> Iterable[Event]:
    """A deadline that is often too short, on prompts that are new."""
    deadline = rng.choice((0.1, 5, 50, 200, 1000))
    given: list[Prompt] = [prompts.fresh(rng) for _ in range(rng.randint(1, 4))]
    return _judged(given, world.any(rng).optimize_batch(given, deadline_ms=deadline), deadline)


def several(world: World, rng: random.Random) -> Iterable[Event]:
    """Calls at the same time in an event loop."""
    given: list[Prompt] = [prompts.text(rng) for _ in range(rng.randint(2, 6))]

    async def main() -> list[OptimizedPrompt]:
        return list(await asyncio.gather(*(world.any(rng).aoptimize(prompt) for prompt in given)))

    return _judged(given, asyncio.run(main()))


def cancelled(world: World, rng: random.Random) -> Iterable[Event]:
    """Tasks that are cancelled in the middle, beside one that is not."""

    async def main() -> OptimizedPrompt:
        tasks = [asyncio.create_task(world.uncached.aoptimize(prompts.fresh(rng))) for _ in range(3)]
        kept = asyncio.create_task(world.optimizer.aoptimize(mine))
        await asyncio.sleep(rng.choice((0, 0.01, 0.1, 0.5)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return await kept

    mine = prompts.text(rng)
    return [Event("cancelled"), *_judged([mine], [asyncio.run(main())])]


def streamed(world: World, rng: random.Random) -> Iterable[Event]:
    """Through an adapter, with an answer that streams."""
    prompt = prompts.text(rng)
    answer = "".join(world.chain.stream(prompt))
    return [Event("streamed", tuple(sent_text(prompt, answer[:-1])))]


def bad_input(world: World, rng: random.Random) -> Iterable[Event]:
    """What cannot be rewritten; in a batch that is a result and never an exception."""
    given = [prompts.bad(rng) for _ in range(4)]
    deadline = rng.choice((None, 20.0))
    return _judged(given, world.any(rng).optimize_batch(given, deadline_ms=deadline), deadline)


def copied(world: World, rng: random.Random) -> Iterable[Event]:
    """Optimizers that come and go, as frameworks copy and rebuild them."""
    made = [PromptOptimizer(world.optimizer.engine, world.optimizer.checkpoint) for _ in range(20)]
    prompt = prompts.text(rng)
    return _judged([prompt], [copy.deepcopy(rng.choice(made)).optimize(prompt)])


def forked(world: World, rng: random.Random) -> Iterable[Event]:
    """A child that rewrites with a model of its own while the parent's calls run."""
    prompt = prompts.text(rng)
    child = os.fork()
    if child == 0:
        _in_child(world, prompt)
    end = time.monotonic() + CHILD_S
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return [Event("forked", () if code == 0 else (f"the child ended with {code}",))]
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return [Event("forked", ("the child hung",))]


def _in_child(world: World, prompt: str) -> None:
    """Rewrite, and say by the exit code whether all is well; never returns."""
    code = 3
    try:
        code = 1 if broken(prompt, world.optimizer.optimize(prompt, deadline_ms=60_000), 60_000) else 0
    finally:
        os._exit(code)


def _judged(given: list[Any], results: list[OptimizedPrompt], deadline_ms: float | None = None) -> list[Event]:
    """An event for each result, with the promises that it breaks."""
    if len(results) != len(given):
        return [Event("batch", (f"{len(results)} results for {len(given)} prompts",))]
    return [
        Event(
            result.reason.value,
            tuple(broken(prompt, result, deadline_ms)),
            max(0.0, result.latency_ms - deadline_ms) if deadline_ms else 0.0,
        )
        for prompt, result in zip(given, results, strict=True)
    ]


ACTIONS: dict[Action, int] = {
    single: 20, batch: 12, hurried: 20, several: 10, cancelled: 10, streamed: 10, bad_input: 12, copied: 4, forked: 2,
}  # fmt: skip
"""How often each comes, in percent."""
