"""An optimizer that raises, hangs or answers nonsense: the original goes out, wherever the rewrite would have gone."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from bpo_integrations.llama_index import (
    BPOFusionRetriever,
    BPOQueryEngine,
    BPOQueryTransform,
    BPOTransformQueryEngine,
    BPOTransformRetriever,
)
from bpo_model import GenerationError
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


class Way(NamedTuple):
    """One of the classes; both functions return what got the rewrite: the LLM's query, or the texts embedded."""

    sync: Callable[[], str]
    asynchronous: Callable[[], Awaitable[str]]


@pytest.fixture(params=["transform", "engine", "wrapped engine", "retriever", "fusion"])
def way(request: Any, index: Any, llm: Any, stock: Any, embedding: Any) -> Callable[..., Way]:
    search = index.as_retriever()

    def build(optimizer: Any, **options: Any) -> Way:
        transform = BPOQueryTransform(optimizer, target="both", include_original=False, **options)
        made: Any = {
            "transform": transform,
            "engine": BPOQueryEngine.from_args(search, llm=llm, optimizer=optimizer, **options),
            "wrapped engine": BPOTransformQueryEngine(stock, transform),
            "retriever": BPOTransformRetriever(search, transform),
            "fusion": BPOFusionRetriever([search], optimizer=optimizer, **options),
        }[request.param]
        name = {"transform": "run", "engine": "query", "wrapped engine": "query"}.get(request.param, "retrieve")

        def told(result: Any) -> str:
            if name == "run":
                return str(result.query_str)
            if name == "query":
                return str(result).split("Query: ")[-1].splitlines()[0]
            texts = " | ".join(embedding.seen)
            embedding.seen.clear()
            return texts

        async def asynchronous() -> str:
            return told(await getattr(made, f"a{name}")(ASK))

        return Way(lambda: told(getattr(made, name)(ASK)), asynchronous)

    return build


async def test_an_optimizer_that_works_is_heard(way: Callable[..., Way], fake: FakeOptimizer) -> None:
    assert REWRITE in way(fake).sync()
    assert REWRITE in await way(fake).asynchronous()


async def test_the_original_goes_out_if_the_optimizer_raises(way: Callable[..., Way], broken: FakeOptimizer) -> None:
    assert way(broken).sync() == ASK
    assert await way(broken).asynchronous() == ASK


async def test_a_failure_is_raised_where_asked(way: Callable[..., Way], broken: FakeOptimizer) -> None:
    made = way(broken, on_error="raise")
    with pytest.raises(GenerationError, match="the model broke"):
        made.sync()
    with pytest.raises(GenerationError, match="the model broke"):
        await made.asynchronous()


async def test_the_original_goes_out_at_the_deadline(way: Callable[..., Way], hanging: Any) -> None:
    made = way(hanging, deadline_ms=30)
    assert made.sync() == ASK
    assert await made.asynchronous() == ASK
    assert hanging.cancelled
    assert not hanging.answered


def of_another(prompts: Any) -> Any:
    """The result of a prompt that nobody gave."""
    return FakeOptimizer().optimize_batch(["write a poem about the sea"] * len(prompts))


def blank(prompts: Any) -> Any:
    """Changed into nothing."""
    return [replace(result, text=" ") for result in FakeOptimizer().optimize_batch(prompts)]


@pytest.mark.parametrize("answer", [lambda _: None, lambda _: [], lambda _: ["text"], of_another, blank])
async def test_the_original_goes_out_instead_of_nonsense(
    way: Callable[..., Way], foreign: Any, answer: Callable[..., Any]
) -> None:
    assert way(foreign(answer)).sync() == ASK
    assert await way(foreign(answer)).asynchronous() == ASK
