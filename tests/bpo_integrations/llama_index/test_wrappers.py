"""The wrappers for existing engines and retrievers: who sees which query, and that no event loop waits."""

import time
from dataclasses import replace
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import CondensePlusContextChatEngine
from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine, TransformQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever, TransformRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.settings import _Settings

from bpo_integrations.llama_index import (
    BPOFusionRetriever,
    BPOQueryEngine,
    BPOQueryTransform,
    BPOTransformQueryEngine,
    BPOTransformRetriever,
)
from bpo_model.config import Options
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


def test_they_are_the_stock_classes() -> None:
    assert issubclass(BPOTransformQueryEngine, TransformQueryEngine)
    assert issubclass(BPOTransformRetriever, TransformRetriever)
    assert issubclass(BPOFusionRetriever, QueryFusionRetriever)


async def test_the_wrapper_for_other_engines_does_not_stall(stock: Any, slow: FakeOptimizer, stall: Any) -> None:
    engine = BPOTransformQueryEngine(stock, BPOQueryTransform(slow))
    assert await stall(engine.aquery(ASK)) < 0.15
    slow.fake.rewrite = lambda text: f"{text} Please."
    bundle = QueryBundle("tell me why")
    nodes = await engine.aretrieve(bundle)
    assert "tell me why Please." in str(await engine.asynthesize(bundle, nodes))


async def test_the_wrapper_takes_any_transform(stock: Any, stall: Any) -> None:
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
    assert await stall(engine.aquery(ASK)) < 0.15


async def test_the_retriever_searches_with_the_rewrite_and_does_not_stall(
    index: VectorStoreIndex, slow: FakeOptimizer, embedding: Any, stall: Any
) -> None:
    retriever = BPOTransformRetriever(
        index.as_retriever(), BPOQueryTransform(slow, target="retrieval", include_original=False)
    )
    assert await stall(retriever.aretrieve(ASK)) < 0.15
    retriever.retrieve(ASK)
    assert embedding.seen == [REWRITE, REWRITE]


def test_a_used_bundle_does_not_hide_the_rewrite(index: VectorStoreIndex, fake: FakeOptimizer, embedding: Any) -> None:
    bundle = QueryBundle(ASK)
    index.as_retriever().retrieve(bundle)  # leaves its embedding in the bundle
    transform = BPOQueryTransform(fake, target="retrieval", include_original=False)
    BPOTransformRetriever(index.as_retriever(), transform).retrieve(bundle)
    assert embedding.seen == [ASK, REWRITE]


@pytest.mark.parametrize("use_async", [False, True])
async def test_fusion_searches_with_both(index: Any, fake: FakeOptimizer, embedding: Any, use_async: bool) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=fake, use_async=use_async, similarity_top_k=3)
    retriever.retrieve(ASK)  # within a loop, because upstream leaves one open where it finds none
    assert sorted(embedding.seen) == [ASK, REWRITE]


async def test_fusion_searches_once_where_nothing_was_rewritten(index: Any, embedding: Any) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=FakeOptimizer(lambda text: text))
    await retriever.aretrieve(ASK)
    assert embedding.seen == [ASK]


async def test_fusion_does_not_stall(index: VectorStoreIndex, slow: FakeOptimizer, stall: Any) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=slow)
    assert await stall(retriever.aretrieve(ASK)) < 0.15
    late = BPOFusionRetriever([index.as_retriever()], optimizer=slow, deadline_ms=20)
    assert await late.aretrieve("tell me why")


async def test_the_stock_classes_still_need_replacing(
    stock: Any, index: VectorStoreIndex, slow: FakeOptimizer, stall: Any
) -> None:
    """If one of these fails, upstream has mended it, and our class may go."""
    transform = BPOQueryTransform(slow, target="both")
    assert await stall(TransformQueryEngine(stock, transform).aquery(ASK)) > 0.15
    assert await stall(TransformRetriever(index.as_retriever(), transform).aretrieve("tell me why")) > 0.15
    assert not isinstance(TransformQueryEngine(stock, transform), RetrieverQueryEngine)


def test_retrieve_and_synthesize_one_by_one_rewrite_the_same_text(stock: Any, fake: FakeOptimizer) -> None:
    engine, bundle = BPOTransformQueryEngine(stock, BPOQueryTransform(fake, target="both")), QueryBundle(ASK)
    assert f"Query: {REWRITE}\n" in str(engine.synthesize(bundle, engine.retrieve(bundle)))
    assert fake.calls == [[ASK], [ASK]]  # the second one is a hit where there is a cache


def test_one_around_the_other_rewrites_once(index: VectorStoreIndex, llm: Any) -> None:
    optimizer = FakeOptimizer(options=Options())
    inner = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=optimizer)
    assert f"Query: {REWRITE}\n" in str(BPOTransformQueryEngine(inner, BPOQueryTransform(optimizer)).query(ASK))


async def test_a_chat_engine_searches_with_the_rewrite(
    index: VectorStoreIndex, llm: Any, fake: FakeOptimizer, embedding: Any
) -> None:
    transform = BPOQueryTransform(fake, target="retrieval", include_original=False)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)  # the default one opens a database
    chat = CondensePlusContextChatEngine.from_defaults(
        retriever=BPOTransformRetriever(index.as_retriever(), transform), llm=llm, memory=memory
    )
    assert REWRITE not in str(await chat.achat(ASK))  # that engine answers the user's message
    assert embedding.seen == [REWRITE]


class Shelf(BaseRetriever):
    """Finds one passage by the original, another by the rewrite, and a third by both."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = ["rewrite", "both"] if query_bundle.query_str == REWRITE else ["original", "both"]
        return [NodeWithScore(node=TextNode(text=text), score=1.0) for text in found]


async def test_fusion_ranks_first_what_both_queries_find(fake: FakeOptimizer) -> None:
    retriever = BPOFusionRetriever([Shelf()], optimizer=fake, similarity_top_k=3)
    for nodes in (retriever.retrieve(ASK), await retriever.aretrieve(ASK)):
        assert nodes[0].text == "both"
        assert {node.text for node in nodes} == {"both", "original", "rewrite"}


def test_the_original_of_a_fusion_keeps_its_embedding_and_image(fake: FakeOptimizer) -> None:
    seen: list[QueryBundle] = []

    class Spy(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            seen.append(query_bundle)
            return []

    bundle = QueryBundle(ASK, image_path="a.png", embedding=[1.0])
    BPOFusionRetriever([Spy()], optimizer=fake, use_async=False).retrieve(bundle)
    assert seen[0] == QueryBundle(ASK, image_path="a.png", embedding=[1.0])
    assert (seen[1].query_str, seen[1].embedding) == (REWRITE, None)


def test_no_default_llm_is_made(fake: FakeOptimizer, index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise AssertionError("Settings.llm imports and configures a client of OpenAI")

    monkeypatch.setattr(_Settings, "llm", property(refuse))
    BPOFusionRetriever([index.as_retriever()], optimizer=fake, use_async=False).retrieve(ASK)
    transform = BPOQueryTransform(fake, target="retrieval")
    BPOTransformRetriever(index.as_retriever(), transform).retrieve(ASK)
