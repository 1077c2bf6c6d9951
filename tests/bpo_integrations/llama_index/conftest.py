"""A spying embedding, a small index, and optimizers that behave and misbehave."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle
from pydantic import Field

from bpo_model import OptimizedPrompt, Prompt
from bpo_model.testing import FakeOptimizer


class SpyEmbedding(BaseEmbedding):
    """Counts letters, and notes every query that it embeds."""

    seen: list[str] = Field(default_factory=list)

    def _vector(self, text: str) -> list[float]:
        return [1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]

    def _get_query_embedding(self, query: str) -> list[float]:
        self.seen.append(query)
        return self._vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)


class SpyReranker(BaseNodePostprocessor):
    """Notes the query that it reranks for."""

    seen: list[str] = Field(default_factory=list)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        assert query_bundle
        self.seen.append(query_bundle.query_str)
        return nodes


@pytest.fixture
def embedding() -> SpyEmbedding:
    return SpyEmbedding()


@pytest.fixture
def reranker() -> SpyReranker:
    return SpyReranker()


@pytest.fixture
def index(embedding: SpyEmbedding) -> VectorStoreIndex:
    texts = ["The library opens at nine.", "Tea comes from China.", "Bikes may be kept for two hours."]
    return VectorStoreIndex.from_documents([Document(text=text) for text in texts], embed_model=embedding)


@pytest.fixture
def llm() -> MockLLM:
    """Answers with its prompt."""
    return MockLLM()


@pytest.fixture
def stock(index: VectorStoreIndex, llm: MockLLM) -> Any:
    """An engine without us."""
    return RetrieverQueryEngine.from_args(index.as_retriever(), llm=llm)


@pytest.fixture
def broken() -> FakeOptimizer:
    def rewrite(text: str) -> str:
        raise RuntimeError("the model broke")

    return FakeOptimizer(rewrite)


class Foreign:
    """Somebody else's optimizer: answers a batch with whatever the function returns."""

    def __init__(self, answer: Callable[[Sequence[Prompt]], Any]) -> None:
        self.answer = answer

    def optimize(self, prompt: Prompt) -> OptimizedPrompt:
        return self.optimize_batch([prompt])[0]

    def optimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        answer: list[OptimizedPrompt] = self.answer(prompts)
        return answer

    async def aoptimize(self, prompt: Prompt) -> OptimizedPrompt:
        return (await self.aoptimize_batch([prompt]))[0]

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        return await asyncio.to_thread(self.optimize_batch, prompts)


@pytest.fixture
def foreign() -> type[Foreign]:
    return Foreign


class Hanging(Foreign):
    """Never answers before the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.answered = self.cancelled = False
        super().__init__(self._wait)

    def _wait(self, prompts: Sequence[Prompt]) -> None:
        self.over.wait(20)
        self.answered = True

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        try:
            return await asyncio.Future()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.over.set()


@pytest.fixture
def stall() -> Callable[[Awaitable[Any]], Awaitable[float]]:
    """Seconds for which the event loop did not run while it waited for something."""

    async def longest(work: Awaitable[Any]) -> float:
        worst, last = 0.0, time.perf_counter()

        async def watch() -> None:
            nonlocal worst, last
            while True:
                await asyncio.sleep(0.002)
                worst, last = max(worst, time.perf_counter() - last), time.perf_counter()

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.01)
        await work
        await asyncio.sleep(0.01)
        watching.cancel()
        return worst

    return longest
