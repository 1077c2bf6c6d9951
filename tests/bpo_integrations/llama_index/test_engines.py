"""Engines and retrievers: who sees which query, and that no event loop waits."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.chat_engine import CondenseQuestionChatEngine
from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine, TransformQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.retrievers import TransformRetriever
from llama_index.core.schema import QueryBundle
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.resource import Resource

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
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def engine(index: VectorStoreIndex, llm: Any, fake: FakeOptimizer, reranker: Any) -> BPOQueryEngine:
    made: BPOQueryEngine = BPOQueryEngine.from_args(
        index.as_retriever(), llm=llm, node_postprocessors=[reranker], optimizer=fake
    )
    return made



async def test_search_and_rerankers_see_the_original_and_the_llm_the_rewrite(
    engine: BPOQueryEngine, embedding: Any, reranker: Any
) -> None:
    for response in (engine.query(ASK), await engine.aquery(ASK)):
        assert f"Query: {REWRITE}" in str(response)
    assert embedding.seen == reranker.seen == [ASK, ASK]



async def test_the_async_engine_rewrites_beside_the_search_without_a_stall(
    index: VectorStoreIndex, llm: Any, slow: FakeOptimizer, stall: Any) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=slow)
    assert await stall(engine.aquery(ASK)) < 0.15



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



async def test_a_failing_optimizer_lets_the_original_through_or_raises(
    index: VectorStoreIndex, llm: Any, broken: FakeOptimizer
) -> None:
    kind = BPOQueryEngine.from_args
    assert f"Query: {ASK}\n" in str(kind(index.as_retriever(), llm=llm, optimizer=broken).query(ASK))
    strict = kind(index.as_retriever(), llm=llm, optimizer=broken, on_error="raise")
    with pytest.raises(GenerationError, match="the model broke"):
        strict.query(ASK)
    with pytest.raises(GenerationError, match="the model broke"):
        await strict.aquery(ASK)



def test_a_chat_engine_streams_over_it(index: VectorStoreIndex, llm: Any, fake: FakeOptimizer) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=fake, streaming=True)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)  # the default one opens a database
    chat = CondenseQuestionChatEngine.from_defaults(query_engine=engine, llm=llm, memory=memory)
    assert REWRITE in "".join(chat.stream_chat(ASK).response_gen)

