"""An LM in this process that writes down what it is asked, and optimizers that behave and misbehave.

Nothing here imports DSPy when it is loaded: the tests are skipped where it is not installed.
"""

import atexit
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bpo_model import OptimizedPrompt, Prompt
from bpo_model.testing import FakeOptimizer

CACHE = tempfile.mkdtemp(prefix="bpo-dspy-")  # DSPy reads the variable when it is imported
os.environ["DSPY_CACHEDIR"] = CACHE
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)


class Echo:
    """An engine of dspy.LM: every output field is the first input field, so that an answer shows what was sent."""

    def __init__(self, reply: Callable[[str], str] | None = None) -> None:
        """`reply` gets the last message and returns the whole answer."""
        self.reply = reply or echoed
        self.lock = threading.Lock()
        self.prompts: list[str] = []
        """The last message of every request."""
        self.systems: list[str] = []

    def complete(self, request: Any) -> Any:
        from dspy.lm15 import Message, Response, TextPart, Usage

        prompt = request.messages[-1].text
        with self.lock:
            self.prompts.append(prompt)
            self.systems.append(str(request.system))
        message = Message.assistant([TextPart(self.reply(prompt))])
        usage = Usage(input_tokens=7, output_tokens=3, total_tokens=10)
        return Response(id=None, model="echo", message=message, finish_reason="stop", usage=usage)

    def stream(self, request: Any) -> Iterator[Any]:
        """In pieces of four characters."""
        from dspy.lm15 import StreamDeltaEvent, StreamEndEvent, StreamStartEvent, TextDelta

        response = self.complete(request)
        yield StreamStartEvent(model="echo")
        for piece in re.findall(r".{1,4}", response.message.text, re.DOTALL):
            yield StreamDeltaEvent(delta=TextDelta(text=piece, part_index=0))
        yield StreamEndEvent(finish_reason="stop", usage=response.usage)

    def close(self) -> None:
        """Nothing is open."""


class AsyncEcho:
    """The same engine for `acall`."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo

    async def complete(self, request: Any) -> Any:
        return self.echo.complete(request)

    async def stream(self, request: Any) -> Any:
        for event in self.echo.stream(request):
            yield event

    async def aclose(self) -> None:
        """Nothing is open."""


def first_field(prompt: str) -> str:
    """The value of the first input field in a prompt of the chat format, or the prompt."""
    found = re.match(r"\[\[ ## \w+ ## \]\]\n(.*?)(?=\n\n\[\[ ## |\n\nRespond with)", prompt, re.DOTALL)
    return found[1] if found else prompt


def echoed(prompt: str) -> str:
    """An answer in the chat format."""
    asked = prompt.partition("Respond with the corresponding output fields")[2]
    fields = re.findall(r"`\[\[ ## (\w+) ## \]\]`( \(must[^`]*float)?", asked)
    values = {name: "0.5" if number else first_field(prompt) for name, number in fields if name != "completed"}
    return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in values.items()) + "[[ ## completed ## ]]"


class Foreign:
    """Somebody else's optimizer: exactly the protocol, no options."""

    def __init__(self, rewrite: Callable[[str], str]) -> None:
        self.rewrite = rewrite
        self.calls: list[list[Prompt]] = []

    def optimize(self, prompt: Prompt) -> OptimizedPrompt:
        return self.optimize_batch([prompt])[0]

    def optimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        self.calls.append(list(prompts))
        return [self._one(prompt) for prompt in prompts]

    async def aoptimize(self, prompt: Prompt) -> OptimizedPrompt:
        return self.optimize(prompt)

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        return self.optimize_batch(prompts)

    def _one(self, prompt: Prompt) -> OptimizedPrompt:
        from bpo_model import Reason

        assert isinstance(prompt, str)
        text = self.rewrite(prompt)
        reason = Reason.REWRITTEN if text != prompt else Reason.UNCHANGED
        return OptimizedPrompt(prompt=text, text=text, original=prompt, changed=text != prompt, reason=reason)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def make_lm() -> Callable[..., Any]:
    """A dspy.LM around an engine; without DSPy's cache unless a test asks for it."""

    def make(engine: Any, **options: Any) -> Any:
        import dspy

        return dspy.LM("test/echo", engine=engine, async_engine=AsyncEcho(engine), **{"cache": False, **options})

    return make


@pytest.fixture
def lm(echo: Echo, make_lm: Callable[..., Any]) -> Iterator[Any]:
    """The LM of `echo`, set for the test."""
    import dspy

    with dspy.context(lm=make_lm(echo), adapter=None, track_usage=False):
        yield dspy.settings.lm


@pytest.fixture
def foreign() -> type[Foreign]:
    return Foreign


@pytest.fixture
def slow() -> FakeOptimizer:
    """Takes 0.4 s a prompt."""

    def rewrite(text: str) -> str:
        time.sleep(0.4)
        return f"{text} Please explain your answer."

    return FakeOptimizer(rewrite)


@pytest.fixture
def raising(foreign: type[Foreign]) -> Foreign:
    """Raises with every prompt."""

    def rewrite(text: str) -> str:
        raise RuntimeError("the model broke")

    return foreign(rewrite)
