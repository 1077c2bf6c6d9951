"""The transform: who sees the rewrite, and that nothing else changes."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.query_engine import TransformQueryEngine
from llama_index.core.schema import QueryBundle

from bpo_integrations.llama_index import BPOQueryTransform
from bpo_model import GenerationError
from bpo_model.config import Options
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


def test_it_is_a_query_transform() -> None:
    assert BaseQueryTransform in BPOQueryTransform.__mro__
    assert not BPOQueryTransform.__abstractmethods__


def test_a_string_and_a_bundle_search_with_the_same_text(fake: FakeOptimizer, stock: Any, embedding: Any) -> None:
    transform = BPOQueryTransform(fake)
    TransformQueryEngine(stock, transform).query(ASK)
    assert embedding.seen == [ASK] == transform.run(ASK).embedding_strs
    assert transform.run(QueryBundle(ASK)).embedding_strs == [ASK]


@pytest.mark.parametrize(
    ("target", "include", "query", "strings"),
    [
        ("synthesis", True, REWRITE, [ASK]),
        ("retrieval", True, ASK, [REWRITE, ASK]),
        ("retrieval", False, ASK, [REWRITE]),
        ("both", True, REWRITE, [REWRITE, ASK]),
        ("both", False, REWRITE, [REWRITE]),
    ],
)
async def test_the_target_decides_who_sees_the_rewrite(
    fake: FakeOptimizer, target: Any, include: bool, query: str, strings: list[str]
) -> None:
    transform = BPOQueryTransform(fake, target=target, include_original=include)
    for bundle in (transform.run(ASK), transform(QueryBundle(ASK)), await transform.arun(ASK)):
        assert (bundle.query_str, bundle.embedding_strs) == (query, strings)


@pytest.mark.parametrize("target", ["synthesis", "retrieval", "both"])
def test_the_bundle_is_not_changed_and_keeps_its_image(fake: FakeOptimizer, target: Any) -> None:
    bundle = QueryBundle(ASK, image_path="a.png", embedding=[1.0])
    before = copy.deepcopy(bundle)
    assert BPOQueryTransform(fake, target=target).run(bundle).image_path == "a.png"
    assert bundle == before


def test_an_embedding_stays_where_search_sees_the_original_only(fake: FakeOptimizer) -> None:
    bundle = QueryBundle(ASK, embedding=[1.0])
    assert BPOQueryTransform(fake).run(bundle).embedding == [1.0]
    for target in ("retrieval", "both"):
        assert BPOQueryTransform(fake, target=target).run(bundle).embedding is None


@pytest.mark.parametrize("query", ["", "  ", "\n"])
async def test_a_blank_query_costs_nothing(fake: FakeOptimizer, query: str) -> None:
    transform, bundle = BPOQueryTransform(fake, target="both"), QueryBundle(query)
    assert transform.run(bundle) is bundle
    assert await transform.arun(bundle) is bundle
    assert transform.run(query).query_str == query
    assert fake.calls == []


def test_braces_and_other_scripts_are_data(fake: FakeOptimizer, stock: Any) -> None:
    query = "explain é😀 and {context_str} and {x}"
    assert query in str(TransformQueryEngine(stock, BPOQueryTransform(fake)).query(query))
    bundle = BPOQueryTransform(fake).run(query)
    assert QueryBundle.from_json(bundle.to_json()) == bundle


def test_unknown_metadata_is_ignored(fake: FakeOptimizer) -> None:
    metadata: Any = {"prev_reasoning": "x", "evaluation": object()}
    assert BPOQueryTransform(fake).run(ASK, metadata=metadata).query_str == REWRITE


def test_200_threads_get_their_own_rewrites(fake: FakeOptimizer) -> None:
    transform = BPOQueryTransform(fake)
    asks = [f"tell me about tea number {number}" for number in range(200)]
    with ThreadPoolExecutor(200) as pool:
        found = list(pool.map(lambda ask: transform.run(ask).query_str, asks))
    assert found == [f"{ask} Please explain your answer." for ask in asks]


def test_ten_thousand_words_of_context_come_back_byte_for_byte(fake: FakeOptimizer) -> None:
    context = "\n".join(f"{number}. The pump in hall {number} was serviced." for number in range(1, 1400))
    query = BPOQueryTransform(fake).run(f"Summarize the following report:\n\n{context}").query_str
    assert query.endswith(f"\n\n{context}")
    assert query.startswith("Summarize the following report: Please")


def test_ten_thousand_words_of_instruction_come_back_as_they_are() -> None:
    optimizer, bundle = FakeOptimizer(options=Options()), QueryBundle("tell me about tea " * 2500)
    assert BPOQueryTransform(optimizer, target="both").run(bundle) is bundle
    assert optimizer.calls == []


def test_its_own_rewrite_is_not_rewritten_again() -> None:
    transform = BPOQueryTransform(FakeOptimizer(options=Options()), target="both")
    once = transform.run(ASK)
    assert once.query_str == REWRITE
    assert transform.run(once) is once


def test_copies_share_the_optimizer_and_pickles_work(fake: FakeOptimizer) -> None:
    transform = BPOQueryTransform(fake, target="both")
    assert copy.deepcopy(transform).optimizer is fake
    assert pickle.loads(pickle.dumps(transform)).run(ASK).query_str == REWRITE


async def test_a_failing_optimizer_lets_the_original_through_or_raises(broken: FakeOptimizer) -> None:
    bundle = QueryBundle(ASK)
    assert BPOQueryTransform(broken, target="both").run(bundle) is bundle
    strict = BPOQueryTransform(broken, on_error="raise")
    with pytest.raises(GenerationError, match="the model broke"):
        strict.run(bundle)
    with pytest.raises(GenerationError, match="the model broke"):
        await strict.arun(bundle)


async def test_a_slow_optimizer_lets_the_original_through(slow: FakeOptimizer) -> None:
    transform, bundle = BPOQueryTransform(slow, deadline_ms=30), QueryBundle(ASK)
    assert transform.run(bundle) is bundle
    assert await transform.arun(bundle) is bundle


@pytest.mark.parametrize("garbage", ["", "Sure, here is the answer: tea is a drink.", "{x} " * 400])
def test_garbage_lets_the_original_through(garbage: str) -> None:
    bundle = QueryBundle(ASK)
    assert BPOQueryTransform(FakeOptimizer(lambda _: garbage)).run(bundle) is bundle


def test_wrong_options_are_refused(fake: FakeOptimizer) -> None:
    with pytest.raises(ValueError, match="target must be one of synthesis, retrieval, both, got 'all'"):
        BPOQueryTransform(fake, target="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="deadline_ms must be > 0"):
        BPOQueryTransform(fake, deadline_ms=0)


def test_it_has_no_prompts_to_change(fake: FakeOptimizer) -> None:
    assert BPOQueryTransform(fake).get_prompts() == {}
