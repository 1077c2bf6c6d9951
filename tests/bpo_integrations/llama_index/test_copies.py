"""Copies share the optimizer, and pickles work, for every class; building one loads nothing."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from bpo_integrations import step
from bpo_integrations.llama_index import (
    BPOFusionRetriever,
    BPOQueryEngine,
    BPOQueryTransform,
    BPOTransformQueryEngine,
    BPOTransformRetriever,
)
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
BUILD: list[Callable[[Any, Any, Any], Any]] = [
    lambda optimizer, search, stock: BPOQueryTransform(optimizer),
    lambda optimizer, search, stock: BPOQueryEngine(search, stock._response_synthesizer, optimizer=optimizer),
    lambda optimizer, search, stock: BPOTransformQueryEngine(stock, BPOQueryTransform(optimizer)),
    lambda optimizer, search, stock: BPOTransformRetriever(search, BPOQueryTransform(optimizer)),
    lambda optimizer, search, stock: BPOFusionRetriever([search], optimizer=optimizer, use_async=False),
]
EACH = pytest.mark.parametrize("build", BUILD, ids=["transform", "engine", "wrapped", "retriever", "fusion"])


def use(made: Any) -> Any:
    """Run it once."""
    method = next(name for name in ("run", "query", "retrieve") if hasattr(made, name))
    return getattr(made, method)(ASK)


@EACH
def test_a_deep_copy_shares_the_optimizer(build: Any, fake: FakeOptimizer, index: Any, stock: Any) -> None:
    use(copy.deepcopy(build(fake, index.as_retriever(), stock)))
    assert fake.calls == [[ASK]]


@EACH
def test_a_pickle_rewrites_like_the_original(build: Any, fake: FakeOptimizer, index: Any, stock: Any) -> None:
    made = build(fake, index.as_retriever(), stock)
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is type(made)
    assert str(use(again)) == str(use(made))


@EACH
def test_building_one_loads_nothing(build: Any, index: Any, stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def load(name: str | None) -> FakeOptimizer:
        asked.append(name)
        return FakeOptimizer()

    monkeypatch.setattr(step, "_loaded", load)
    made = copy.deepcopy(build(None, index.as_retriever(), stock))
    assert asked == []
    use(made)
    assert asked == [None]
