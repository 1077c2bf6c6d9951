"""The query engine: who sees which query, that search and rewriting overlap, and that it streams."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import CondenseQuestionChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from bpo_integrations.llama_index import BPOQueryEngine
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


@pytest.fixture
def engine(index: VectorStoreIndex, llm: Any, fake: FakeOptimizer, reranker: Any) -> BPOQueryEngine:
    return BPOQueryEngine.from_args(index.as_retriever(), llm=llm, node_postprocessors=[reranker], optimizer=fake)


@pytest.fixture
def both(llm: Any) -> BPOQueryEngine:
    """The optimizer waits for the search and the search for the optimizer; one after the other, both fail."""
    meeting = threading.Barrier(2, timeout=10)

    def rewrite(text: str) -> str:
        meeting.wait()
        return REWRITE

    class Meeting(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            meeting.wait()
            return [NodeWithScore(node=TextNode(text="Tea comes from China."))]

        async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return await asyncio.to_thread(self._retrieve, query_bundle)

    return BPOQueryEngine.from_args(Meeting(), llm=llm, optimizer=FakeOptimizer(rewrite))


class Failing(BaseRetriever):
    """Its index is gone."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise OSError("no index")

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        await asyncio.sleep(0.01)
        raise OSError("no index")


def test_it_is_a_retriever_query_engine() -> None:
    assert issubclass(BPOQueryEngine, RetrieverQueryEngine)


async def test_search_and_rerankers_see_the_original_and_the_llm_the_rewrite(
    engine: BPOQueryEngine, embedding: Any, reranker: Any
) -> None:
    for response in (engine.query(ASK), await engine.aquery(ASK)):
        assert f"Query: {REWRITE}" in str(response)
    assert embedding.seen == reranker.seen == [ASK, ASK]


async def test_the_async_engine_rewrites_beside_the_search_without_a_stall(
    index: VectorStoreIndex, llm: Any, slow: FakeOptimizer, stall: Any
) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=slow)
    assert await stall(engine.aquery(ASK)) < 0.15


def test_the_rewrite_is_made_while_the_search_runs(both: BPOQueryEngine) -> None:
    assert f"Query: {REWRITE}" in str(both.query(ASK))


async def test_so_it_is_in_the_async_engine(both: BPOQueryEngine) -> None:
    assert f"Query: {REWRITE}" in str(await both.aquery(ASK))


def test_a_search_that_fails_does_not_wait_for_the_optimizer(hanging: Any, llm: Any) -> None:
    engine = BPOQueryEngine.from_args(Failing(), llm=llm, optimizer=hanging)
    with pytest.raises(OSError, match="no index"):
        engine.query(ASK)
    assert not hanging.answered


async def test_a_search_that_fails_stops_the_optimizer(hanging: Any, llm: Any) -> None:
    engine = BPOQueryEngine.from_args(Failing(), llm=llm, optimizer=hanging)
    with pytest.raises(OSError, match="no index"):
        await engine.aquery(ASK)
    await asyncio.sleep(0.01)
    assert hanging.cancelled


def test_200_threads_get_their_own_answers(engine: BPOQueryEngine) -> None:
    asks = [f"tell me about tea number {number}" for number in range(200)]
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda ask: str(engine.query(ask)), asks))
    assert all(f"Query: {ask} Please" in answer for ask, answer in zip(asks, answers, strict=True))


async def test_200_tasks_get_their_own_answers(engine: BPOQueryEngine) -> None:
    asks = [f"tell me about tea number {number}" for number in range(200)]
    answers = await asyncio.gather(*map(engine.aquery, asks))
    assert all(f"Query: {ask} Please" in str(answer) for ask, answer in zip(asks, answers, strict=True))


def test_a_blank_query_and_its_image_pass_through(llm: Any, fake: FakeOptimizer) -> None:
    seen: list[QueryBundle] = []

    class Spy(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            seen.append(query_bundle)
            return []

    engine, bundle = BPOQueryEngine.from_args(Spy(), llm=llm, optimizer=fake), QueryBundle("  ", image_path="a.png")
    engine.query(bundle)
    assert seen == [bundle]
    assert fake.calls == []


def test_retrieve_and_synthesize_one_by_one_do_the_same(engine: BPOQueryEngine, embedding: Any) -> None:
    bundle = QueryBundle(ASK)
    nodes = engine.retrieve(bundle)
    assert f"Query: {REWRITE}" in str(engine.synthesize(bundle, nodes))
    assert embedding.seen == [ASK]


async def test_asynthesize_does_the_same(engine: BPOQueryEngine) -> None:
    bundle = QueryBundle(ASK)
    nodes = await engine.aretrieve(bundle)
    assert f"Query: {REWRITE}" in str(await engine.asynthesize(bundle, nodes))


def test_another_retriever_keeps_the_optimizer(engine: BPOQueryEngine, index: VectorStoreIndex) -> None:
    other = engine.with_retriever(index.as_retriever(similarity_top_k=1))
    assert isinstance(other, BPOQueryEngine)
    response: Any = other.query(ASK)
    assert f"Query: {REWRITE}" in str(response)
    assert len(response.source_nodes) == 1


def test_options_pass_through_from_args(index: VectorStoreIndex, llm: Any, fake: FakeOptimizer) -> None:
    off = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=fake, rewrite="never")
    assert f"Query: {ASK}\n" in str(off.query(ASK))
    built = BPOQueryEngine(index.as_retriever(), get_response_synthesizer(llm=llm), optimizer=fake)
    assert f"Query: {REWRITE}" in str(built.query(ASK))


def test_a_chat_engine_streams_over_it(index: VectorStoreIndex, llm: Any, fake: FakeOptimizer) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=fake, streaming=True)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)  # the default one opens a database
    chat = CondenseQuestionChatEngine.from_defaults(query_engine=engine, llm=llm, memory=memory)
    assert REWRITE in "".join(chat.stream_chat(ASK).response_gen)


async def test_it_streams_in_an_async_chat_engine_and_by_itself(index: Any, llm: Any, fake: FakeOptimizer) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=fake, streaming=True)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    chat = CondenseQuestionChatEngine.from_defaults(query_engine=engine, llm=llm, memory=memory)
    answer: Any = await engine.aquery(ASK)
    for stream in (answer, await chat.astream_chat(ASK)):
        assert REWRITE in "".join([token async for token in stream.async_response_gen()])
