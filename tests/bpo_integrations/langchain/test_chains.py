"""In chains: every way of calling, batches as one call of the model, and LangChain's own wrappers."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.runnables import (
    RunnableBranch,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSerializable,
)

from bpo_integrations.langchain import BPORunnable
from bpo_model import GenerationError, OptimizedPrompt
from bpo_model.testing import FakeOptimizer

PLEASE = " Please explain your answer."
CHAT = ChatPromptTemplate(
    [("system", "Be brief."), MessagesPlaceholder("history", optional=True), ("human", "{question}")]
)


@pytest.fixture
def bpo(fake: FakeOptimizer) -> BPORunnable:
    return BPORunnable(optimizer=fake)


def rows(fake: FakeOptimizer) -> int:
    """How many prompts the engine saw, in however many calls."""
    return sum(len(call) for call in fake.calls)


@pytest.mark.parametrize("template", [PromptTemplate.from_template("{question}"), CHAT], ids=["string", "chat"])
async def test_the_chain_works_in_every_way_of_calling(template: Any, bpo: BPORunnable, llm: BaseChatModel) -> None:
    chain: RunnableSerializable[Any, str] = template | bpo | llm | StrOutputParser()
    ask, want = {"question": "tell me about tea"}, f"heard: tell me about tea{PLEASE}"
    assert chain.invoke(ask) == want
    assert await chain.ainvoke(ask) == want
    assert chain.batch([ask, ask]) == [want, want]
    assert await chain.abatch([ask, ask]) == [want, want]
    chunks = list(chain.stream(ask))
    assert "".join(chunks) == want
    assert len(chunks) > 3
    assert "".join([chunk async for chunk in chain.astream(ask)]) == want
    events = [event async for event in chain.astream_events(ask, version="v2")]
    streamed = [e["data"]["chunk"] for e in events if e["event"] == "on_parser_stream"]
    assert "".join(streamed) == want


def test_text_that_streams_in_is_rewritten_once_and_whole(bpo: BPORunnable, fake: FakeOptimizer) -> None:
    assert list(bpo.transform(iter(["tell me ", "about ", "tea"]))) == [f"tell me about tea{PLEASE}"]
    assert fake.calls == [["tell me about tea"]]


async def test_a_batch_is_one_call_of_the_model(llm: BaseChatModel) -> None:
    asks = [f"tell me about tea number {number}" for number in range(8)]
    want = [ask + PLEASE for ask in asks]

    async def run(kind: str) -> tuple[list[Any], FakeOptimizer]:
        fake = FakeOptimizer()
        bpo = BPORunnable(optimizer=fake)
        if kind == "batch":
            return bpo.batch(asks), fake
        if kind == "abatch":
            return await bpo.abatch(asks), fake
        if kind == "map":
            return bpo.map().invoke(asks), fake
        return (bpo | RunnableLambda(lambda text: text)).batch(asks), fake

    for kind in ("batch", "abatch", "map", "sequence"):
        out, fake = await run(kind)
        assert out == want, kind
        assert len(fake.calls) == 1, kind


async def test_an_empty_batch_touches_nothing(bpo: BPORunnable, fake: FakeOptimizer) -> None:
    assert bpo.batch([]) == []
    assert await bpo.abatch([]) == []
    assert fake.calls == []


async def test_steps_that_never_call_batch_still_share_calls(slow: FakeOptimizer) -> None:
    asks = [{"question": f"tell me about tea number {number}"} for number in range(8)]
    bpo = itemgetter("question") | BPORunnable(optimizer=slow)
    config = RunnableConfig(max_concurrency=8)
    steps: list[Any] = [
        RunnablePassthrough.assign(q=bpo) | itemgetter("q"),
        RunnableParallel(q=bpo) | itemgetter("q"),
        RunnableBranch((lambda _: True, bpo), lambda _: ""),
    ]
    for step in steps:
        before = len(slow.calls)
        assert step.batch(asks, config) == [ask["question"] + PLEASE for ask in asks]
        assert len(slow.calls) - before <= 4


async def test_64_calls_at_once_are_few_calls_of_the_model_in_the_right_order() -> None:
    def rewrite(text: str) -> str:
        time.sleep(0.01)
        return text + PLEASE

    fake = FakeOptimizer(rewrite)
    bpo = BPORunnable(optimizer=fake)
    asks = [f"tell me about tea number {number}" for number in range(64)]
    assert await asyncio.gather(*(bpo.ainvoke(ask) for ask in asks)) == [ask + PLEASE for ask in asks]
    assert len(fake.calls) <= 16


def test_200_threads_get_their_own_rewrites(bpo: BPORunnable) -> None:
    asks = [f"tell me about tea number {number}" for number in range(200)]
    with ThreadPoolExecutor(200) as pool:
        assert list(pool.map(bpo.invoke, asks)) == [ask + PLEASE for ask in asks]


async def test_a_bad_input_is_an_exception_in_its_place(bpo: BPORunnable) -> None:
    chain = bpo | RunnableLambda(lambda text: text.upper())
    for step in (bpo, chain):
        for out in (
            step.batch(["tell a", 5, "tell b"], return_exceptions=True),
            await step.abatch(["tell a", 5, "tell b"], return_exceptions=True),
        ):
            assert [isinstance(item, TypeError) for item in out] == [False, True, False]
    with pytest.raises(TypeError, match="Invalid input"):
        bpo.batch(["tell a", 5])


def test_a_failure_in_a_batch_is_its_own(failing_on: Callable[[str], FakeOptimizer]) -> None:
    asks = ["tell me about tea", "tell me about war", "tell me about rain"]
    passed = BPORunnable(optimizer=failing_on("war")).batch(asks)
    assert passed == [asks[0] + PLEASE, asks[1], asks[2] + PLEASE]
    raised = BPORunnable(optimizer=failing_on("war"), on_error="raise").batch(asks, return_exceptions=True)
    assert isinstance(raised[1], GenerationError)
    assert raised[::2] == passed[::2]


def test_retry_tries_only_what_failed() -> None:
    broken = {"tell me about war"}

    def rewrite(text: str) -> str:
        if text in broken:
            broken.remove(text)
            raise RuntimeError("once")
        return text + PLEASE

    fake = FakeOptimizer(rewrite)
    bpo = BPORunnable(optimizer=fake, on_error="raise").with_retry(
        retry_if_exception_type=(GenerationError,), wait_exponential_jitter=False
    )
    asks = ["tell me about tea", "tell me about war"]
    assert bpo.batch(asks) == [ask + PLEASE for ask in asks]
    assert fake.calls[-1] == ["tell me about war"]


async def test_fallbacks_bind_config_and_types_work(failing_on: Callable[[str], FakeOptimizer]) -> None:
    bpo = BPORunnable(optimizer=failing_on("war"), on_error="raise")
    safe = bpo.with_fallbacks([RunnablePassthrough()])
    assert safe.invoke("tell me about war") == "tell me about war"
    assert await safe.ainvoke("tell me about tea") == f"tell me about tea{PLEASE}"
    assert bpo.bind(stop=["x"]).invoke("tell me about tea") == f"tell me about tea{PLEASE}"
    assert bpo.with_config(tags=["a"]).with_types(input_type=str).invoke("tell me tea") == f"tell me tea{PLEASE}"


def test_keyword_arguments_for_the_model_are_ignored(bpo: BPORunnable, llm: BaseChatModel) -> None:
    assert (bpo | llm).invoke("tell me about tea", stop=["x"]).text == f"heard: tell me about tea{PLEASE}"


def test_the_graph_shows_the_step(bpo: BPORunnable, llm: BaseChatModel) -> None:
    assert "BPORunnable" in (CHAT | bpo | llm).get_graph().draw_mermaid()


async def test_the_loop_runs_on_while_the_model_works(slow: FakeOptimizer) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await BPORunnable(optimizer=slow).ainvoke("tell me about tea")
    ticking.cancel()
    assert ticks > 10


def test_two_event_loops_one_after_the_other(bpo: BPORunnable) -> None:
    for number in range(2):
        assert asyncio.run(bpo.ainvoke(f"tell me tea {number}")) == f"tell me tea {number}{PLEASE}"


async def test_cancelling_one_call_leaves_its_neighbours(slow: FakeOptimizer) -> None:
    bpo = BPORunnable(optimizer=slow)
    tasks = [asyncio.create_task(bpo.ainvoke(f"tell me about tea {number}")) for number in range(4)]
    await asyncio.sleep(0.02)
    tasks[1].cancel()
    out = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(out[1], asyncio.CancelledError)
    assert [out[i] for i in (0, 2, 3)] == [f"tell me about tea {i}{PLEASE}" for i in (0, 2, 3)]


class Hanging:
    """Somebody else's optimizer, which never comes back."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def optimize(self, prompt: Any) -> OptimizedPrompt:
        return self.optimize_batch([prompt])[0]

    def optimize_batch(self, prompts: Any) -> list[OptimizedPrompt]:
        self.released.wait(30)
        raise RuntimeError("released")

    async def aoptimize(self, prompt: Any) -> OptimizedPrompt:
        return (await self.aoptimize_batch([prompt]))[0]

    async def aoptimize_batch(self, prompts: Any) -> list[OptimizedPrompt]:
        await asyncio.sleep(30)
        raise RuntimeError("released")


async def test_an_optimizer_that_hangs_meets_the_deadline() -> None:
    hanging = Hanging()
    bpo = BPORunnable(optimizer=hanging, deadline_ms=100)
    message = [SystemMessage("x"), HumanMessage("tell me about tea")]
    assert bpo.invoke(message) is message
    assert await bpo.ainvoke(message) is message
    hanging.released.set()


def test_variants_are_different_and_verified() -> None:
    turns = iter(range(100))
    fake = FakeOptimizer(lambda text: f"{text} Please explain{' in detail' * (next(turns) % 2)}.")
    out = BPORunnable(optimizer=fake).variants(4).invoke("tell me about tea")
    assert sorted(out) == ["tell me about tea Please explain in detail.", "tell me about tea Please explain."]


def test_without_a_verified_variant_the_prompt_itself_comes() -> None:
    bpo = BPORunnable(optimizer=FakeOptimizer(lambda text: "Sure!")).variants(3)
    assert bpo.invoke(HumanMessage("tell me about tea")) == ["tell me about tea"]
    assert bpo.batch(["tell me about tea", "tell me why"]) == [["tell me about tea"], ["tell me why"]]
