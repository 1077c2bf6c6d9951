"""Rewrite one query, and tell LlamaIndex's instrumentation what happened."""

from dataclasses import replace
from typing import Any, Unpack

from llama_index.core.schema import QueryBundle
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base.event import BaseEvent

from bpo_integrations.step import OptimizerLike, RewriteStep, facts
from bpo_model import OptimizedPrompt
from bpo_model.config import Overrides

dispatcher = get_dispatcher(__name__)


class BPORewriteEvent(BaseEvent):
    """What happened to a query, without its text."""

    reason: str
    changed: bool
    violations: list[str]
    model: str
    tokens: dict[str, int]
    latency_ms: float

    @classmethod
    def class_name(cls) -> str:
        """Name of the event in traces."""
        return "BPORewriteEvent"


class QueryRewriter:
    """The shared step, with an event for every query."""

    def __init__(self, optimizer: OptimizerLike = None, **options: Unpack[Overrides]) -> None:
        self._step = RewriteStep(optimizer, **options)

    @property
    def optimizer(self) -> Any:
        """The optimizer; loads it if no query has come yet."""
        return self._step.optimizer

    def rewrite(self, query: str) -> OptimizedPrompt:
        """Rewrite; raises GenerationError if that fails and on_error is "raise"."""
        return self._told(self._step.results([query])[0])

    async def arewrite(self, query: str) -> OptimizedPrompt:
        """Like `rewrite`, without blocking the event loop."""
        return self._told((await self._step.aresults([query]))[0])

    def _told(self, result: OptimizedPrompt) -> OptimizedPrompt:
        """The result, after the event; in the caller's context, so that the event belongs to its span."""
        dispatcher.event(BPORewriteEvent(**facts(result)))
        return self._step.checked(result)


def for_synthesis(bundle: QueryBundle, result: OptimizedPrompt) -> QueryBundle:
    """The bundle for the LLM: the rewrite as the query, everything that search reads as it was."""
    if not result.changed:
        return bundle
    # Without explicit strings the embeddings would follow the new query.
    return replace(bundle, query_str=result.text, custom_embedding_strs=list(bundle.embedding_strs))
