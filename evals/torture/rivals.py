"""Whom the suite can put to the test, by the words after `--optimizer`.

bpo                 the embedded default as an application gets it: gate, split, model, contract
bpo:PATH_OR_HUB_ID  the same with another checkpoint
bpo-raw             the same model's first greedy candidate for the whole prompt, sent as it is
openai:MODEL@URL    a model behind an OpenAI-compatible endpoint that is asked to improve the prompt
python:MODULE:NAME  a function of yours, text to text, sync or async
identity, suffix    controls: the prompt itself, and one sentence behind every prompt
"""

import asyncio
import importlib
import inspect
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from bpo_integrations.step import OptimizerLike
from bpo_model import GenerationError, LlamaCpp, PromptOptimizer, Transformers
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.compare.chat import OpenAIChat
from bpo_model.engines.base import Candidate, Request
from bpo_model.engines.registry import shared_worker
from bpo_model.prefill import prefill
from bpo_model.template import Template
from evals.winrate.arms import DIRECT, SUFFIX
from evals.winrate.via import VIAS

Rewriter: TypeAlias = Callable[[str], Awaitable[str]]
"""Prompt -> rewrite; raises if there is none."""

KEY = "OPENAI_API_KEY"
"""Environment variable with the key of an endpoint; servers of your own may want none."""
ASK = Template(DIRECT)
"""What an endpoint's model is asked, unless there is a `--rewriter-prompt`."""
AT_ONCE = 32
"""Prompts on their way in our own optimizer, which fills the batches of a GPU with them."""
RAW_TOKENS = 200
"""Tokens that `bpo-raw` may write beyond a copy of the prompt."""
_SPEC = re.compile(
    r"(?P<kind>bpo|bpo-raw)(?::(?P<checkpoint>.+))?|(?P<control>identity|suffix)"
    r"|(?P<endpoint>openai):(?P<model>.+?)@(?P<url>https?://.+)|(?P<python>python):(?P<module>[\w.]+):(?P<name>\w+)"
)


@dataclass(frozen=True, slots=True)
class Rival:
    """A rewriter that is ready."""

    name: str
    rewrite: Rewriter
    at_once: int = 1
    """Prompts that may be on their way together."""
    ours: bool = False
    """Verified, and therefore held to not a single violation."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What to put to the test; nothing is loaded yet."""

    text: str
    """As given on the command line."""
    via: str = "raw"
    """The product's adapter; only `bpo` goes through one."""
    ask: Template = ASK
    at_once: int = 8
    """Calls of an endpoint or an async function at the same time."""

    def __post_init__(self) -> None:
        """Refuse what cannot be understood, before anything was paid for."""
        if not _SPEC.fullmatch(self.text):
            raise ValueError(
                f"--optimizer {self.text!r} is not bpo, bpo:PATH_OR_HUB_ID, bpo-raw, bpo-raw:PATH_OR_HUB_ID, "
                "openai:MODEL@BASE_URL, python:MODULE:NAME, identity or suffix"
            )

    @property
    def parts(self) -> dict[str, str | None]:
        """The pieces of the text by name."""
        found = _SPEC.fullmatch(self.text)
        return found.groupdict() if found else {}


@asynccontextmanager
async def open_rival(spec: Spec) -> AsyncIterator[Rival]:
    """Load what there is to load, so that its time is not counted, and close it in the end.

    Raises:
        ValueError: If the module or the key is wrong.
        ModelLoadError: If there is no such checkpoint.
    """
    parts = spec.parts
    if parts["kind"] == "bpo":
        optimizer = await asyncio.to_thread(PromptOptimizer.from_pretrained, parts["checkpoint"])
        name = spec.text if spec.via == "raw" else f"{spec.text} via {spec.via}"
        yield Rival(name, verified(optimizer, spec.via), AT_ONCE, ours=True)
    elif parts["kind"]:
        yield Rival(spec.text, await asyncio.to_thread(unverified, parts["checkpoint"]), AT_ONCE)
    elif parts["control"]:
        yield Rival(spec.text, _CONTROLS[parts["control"]])
    elif parts["python"]:
        function = imported(parts["module"] or "", parts["name"] or "")
        asynchronous = inspect.iscoroutinefunction(function)
        yield Rival(spec.text, called(function), spec.at_once if asynchronous else 1)
    else:
        key = KEY if os.environ.get(KEY) else None
        chat = OpenAIChat(
            parts["url"] or "", parts["model"] or "", key,
            params={"temperature": 0}, concurrency=spec.at_once, attempts=3,
        )  # fmt: skip
        async with chat:
            yield Rival(f"openai:{chat.model}@{chat.where}", asked(chat, spec.ask), spec.at_once)


def verified(optimizer: OptimizerLike, via: str = "raw") -> Rewriter:
    """The product, itself or through one of its adapters; a failing model raises instead of passing as unchanged."""
    route = VIAS[via](optimizer, 1)

    async def rewrite(prompt: str) -> str:
        return str((await route(prompt))[-1]["content"])

    return rewrite


def unverified(name: str | None = None) -> Rewriter:
    """What the same model does without the product around it: no gate, no split, no check, no second try.

    It gets the whole prompt, context included, and enough tokens for a copy of it and more: a token
    has at least one byte.
    """
    checkpoint = load_checkpoint(name)
    worker = shared_worker(LlamaCpp() if checkpoint.base else Transformers(), checkpoint)
    _ = worker.engine

    async def rewrite(prompt: str) -> str:
        candidate = await asyncio.wrap_future(worker.submit([_greedy(prompt, checkpoint)])[0])
        if not isinstance(candidate, Candidate):
            raise candidate
        return candidate.text.strip()

    return rewrite


def _greedy(prompt: str, checkpoint: Checkpoint) -> Request:
    """The model's likeliest rewrite, as far as half of its context holds one."""
    size = len(prompt.encode("utf-8", "replace"))
    start = prefill(prompt) if checkpoint.prefill else ""
    steered = checkpoint.prefill.sampling(prompt) if checkpoint.prefill and start else {}
    tokens = min(size + RAW_TOKENS, checkpoint.context_tokens // 2)
    return Request(checkpoint.template.render(prompt, start), tokens, **steered)


def asked(chat: OpenAIChat, ask: Template) -> Rewriter:
    """A model that is asked for a better prompt; its whole answer is the rewrite."""

    async def rewrite(prompt: str) -> str:
        reply = await chat([{"role": "user", "content": str(ask.render(prompt))}])
        return reply.text.strip()

    return rewrite


def called(function: Callable[[str], object]) -> Rewriter:
    """A function; a sync one runs in a thread, never twice at the same time."""

    async def rewrite(prompt: str) -> str:
        found = function(prompt) if inspect.iscoroutinefunction(function) else await asyncio.to_thread(function, prompt)
        text = await found if inspect.isawaitable(found) else found
        if not isinstance(text, str):
            raise GenerationError(f"the function returned {type(text).__name__} instead of text")
        return text

    return rewrite


def imported(module: str, name: str) -> Callable[[str], object]:
    """The function of a module that the user names.

    Raises:
        ValueError: If there is none.
    """
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"python:{module}:{name} cannot be found: {error}") from error
    if not callable(function):
        raise ValueError(f"python:{module}:{name} cannot be called, it is {type(function).__name__}")
    found: Callable[[str], object] = function
    return found


async def _identity(prompt: str) -> str:
    """Nothing changed: no violation is possible, and nothing is won."""
    return prompt


async def _suffix(prompt: str) -> str:
    """One sentence for all prompts, which changes even those that must stay."""
    return f"{prompt}\n\n{SUFFIX}"


_CONTROLS: dict[str, Rewriter] = {"identity": _identity, "suffix": _suffix}
