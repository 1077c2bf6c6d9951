"""Every rewrite leaves an event in the span that asked for it: why, how long, how many tokens, and no text."""

from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.callbacks.schema import EventPayload
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base.event import BaseEvent
from llama_index_instrumentation.dispatcher import instrument_tags
from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span_handlers import SimpleSpanHandler

from bpo_integrations.llama_index import BPOFusionRetriever, BPOQueryEngine, BPOQueryTransform, BPORewriteEvent
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"


class Listener(BaseEventHandler):
    """Collects our events."""

    events: list[Any] = []  # noqa: RUF012  # pydantic copies it

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        if isinstance(event, BPORewriteEvent):
            self.events.append(event)


@pytest.fixture
def events() -> Iterator[list[BPORewriteEvent]]:
    listener, root = Listener(), get_dispatcher()
    root.add_event_handler(listener)
    yield listener.events
    root.event_handlers.remove(listener)


@pytest.fixture
def spans() -> Iterator[SimpleSpanHandler]:
    handler, root = SimpleSpanHandler(), get_dispatcher()
    root.add_span_handler(handler)
    yield handler
    root.span_handlers.remove(handler)


async def test_the_transforms_event_belongs_to_its_span(
    fake: FakeOptimizer, events: list[BPORewriteEvent], spans: SimpleSpanHandler
) -> None:
    BPOQueryTransform(fake).run(ASK)
    await BPOQueryTransform(fake).arun(ASK)
    ids = [event.span_id or "" for event in events]
    assert [name.rsplit("-", 5)[0] for name in ids] == ["BPOQueryTransform._run", "BPOQueryTransform.arun"]
    assert ids == [span.id_ for span in spans.completed_spans]


async def test_the_engines_event_belongs_to_its_query_though_another_thread_rewrites(
    fake: FakeOptimizer, index: VectorStoreIndex, llm: Any, events: list[BPORewriteEvent]
) -> None:
    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm, optimizer=fake)
    with instrument_tags({"user": "u1"}):
        engine.query(ASK)
        await engine.aquery(ASK)
    names = [(event.span_id or "").rsplit("-", 5)[0] for event in events]
    assert names == ["BPOQueryEngine._query", "BPOQueryEngine._aquery"]
    assert [event.tags for event in events] == [{"user": "u1"}] * 2


async def test_the_retrievers_event_belongs_to_its_search(
    fake: FakeOptimizer, index: VectorStoreIndex, events: list[BPORewriteEvent]
) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=fake)
    retriever.retrieve(ASK)
    await retriever.aretrieve(ASK)
    assert len(events) == 2
    assert all((event.span_id or "").startswith("BPOFusionRetriever.") for event in events)


def test_an_event_gives_the_facts_without_the_text(fake: FakeOptimizer, events: list[BPORewriteEvent]) -> None:
    BPOQueryTransform(fake).run(ASK)
    (event,) = events
    assert (event.class_name(), event.reason, event.changed) == ("BPORewriteEvent", "rewritten", True)
    assert event.tokens["prompt"] > 0
    assert "tea" not in event.model_dump_json()


def test_a_failure_is_told_even_where_it_is_raised(broken: FakeOptimizer, events: list[BPORewriteEvent]) -> None:
    BPOQueryTransform(broken).run(ASK)
    with pytest.raises(Exception, match="the model broke"):
        BPOQueryTransform(broken, on_error="raise").run(ASK)
    assert [(event.reason, event.changed) for event in events] == [("error", False)] * 2


async def test_callbacks_get_a_query_event_as_from_the_stock_engine(
    fake: FakeOptimizer, index: VectorStoreIndex, llm: Any
) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    engine = BPOQueryEngine.from_args(
        index.as_retriever(), llm=llm, optimizer=fake, callback_manager=CallbackManager([debug])
    )
    engine.query(ASK)
    await engine.aquery(ASK)
    ends = [end.payload or {} for _, end in debug.get_event_pairs(CBEventType.QUERY)]
    assert ["Please explain" in str(payload[EventPayload.RESPONSE]) for payload in ends] == [True, True]
