"""Query engines: search with the user's words, answer the rewrite."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Unpack, cast

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.response.schema import RESPONSE_TYPE
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine, TransformQueryEngine
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.schema import NodeWithScore, QueryBundle

from bpo_integrations.llama_index.rewriting import QueryRewriter, dispatcher, for_synthesis
from bpo_integrations.llama_index.transform import arun
from bpo_integrations.step import OptimizerLike
from bpo_model.config import Overrides


class BPOQueryEngine(RetrieverQueryEngine):
    """RetrieverQueryEngine that retrieves and reranks with the original, and lets the LLM answer the rewrite.

    The rewrite is made while the search runs. Being a RetrieverQueryEngine, it streams and works in
    CondenseQuestionChatEngine (which condenses first, so that the rewrite sees a whole question).
    """

    def __init__(
        self,
        retriever: BaseRetriever,
        response_synthesizer: BaseSynthesizer | None = None,
        node_postprocessors: list[BaseNodePostprocessor] | None = None,
        callback_manager: CallbackManager | None = None,
        *,
        optimizer: OptimizerLike = None,
        **options: Unpack[Overrides],
    ) -> None:
        """Take what RetrieverQueryEngine takes, an optimizer and its call options."""
        super().__init__(retriever, response_synthesizer, node_postprocessors, callback_manager)
        self._rewriter = QueryRewriter(optimizer, **options)

    @classmethod
    def from_args(
        cls, retriever: BaseRetriever, *args: Any, optimizer: OptimizerLike = None, **kwargs: Any
    ) -> "BPOQueryEngine":
        """Like RetrieverQueryEngine.from_args, with an optimizer and its call options."""
        options: Any = {name: kwargs.pop(name) for name in Overrides.__annotations__.keys() & kwargs.keys()}
        engine = cast("BPOQueryEngine", super().from_args(retriever, *args, **kwargs))
        engine._rewriter = QueryRewriter(optimizer, **options)
        return engine

    def with_retriever(self, retriever: BaseRetriever) -> "BPOQueryEngine":
        """The same engine over another retriever."""
        engine = type(self)(retriever, self._response_synthesizer, self._node_postprocessors, self.callback_manager)
        engine._rewriter = self._rewriter
        return engine

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> RESPONSE_TYPE:
        """Answer the rewrite from nodes that were retrieved before."""
        bundle = for_synthesis(query_bundle, self._rewriter.rewrite(query_bundle.query_str))
        return super().synthesize(bundle, nodes, additional_source_nodes)

    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> RESPONSE_TYPE:
        """Like `synthesize`, without blocking the event loop."""
        bundle = for_synthesis(query_bundle, await self._rewriter.arewrite(query_bundle.query_str))
        return await super().asynthesize(bundle, nodes, additional_source_nodes)

    @dispatcher.span
    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        """Rewrite beside the search, in a thread that sees the caller's context."""
        thread = ThreadPoolExecutor(1, "bpo-query")
        with self._event(query_bundle) as event:
            rewriting = thread.submit(copy_context().run, self._rewriter.rewrite, query_bundle.query_str)
            thread.shutdown(wait=False)  # ends after the rewrite; a search that fails does not wait for it
            nodes = self.retrieve(query_bundle)
            response = super().synthesize(for_synthesis(query_bundle, rewriting.result()), nodes)
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response

    @dispatcher.span
    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        """Rewrite beside the search."""
        with self._event(query_bundle) as event:
            rewriting = asyncio.create_task(self._rewriter.arewrite(query_bundle.query_str))
            try:
                result, nodes = await asyncio.gather(rewriting, self.aretrieve(query_bundle))
            finally:
                rewriting.cancel()  # a search that fails stops the model
            response = await super().asynthesize(for_synthesis(query_bundle, result), nodes)
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response

    def _event(self, query_bundle: QueryBundle) -> Any:
        """The event that LlamaIndex sends for every query."""
        payload: dict[str, Any] = {EventPayload.QUERY_STR: query_bundle.query_str}
        return self.callback_manager.event(CBEventType.QUERY, payload=payload)


class BPOTransformQueryEngine(TransformQueryEngine):
    """TransformQueryEngine whose async methods block no event loop; the stock one transforms on it.

    For engines that are no RetrieverQueryEngine (routers, SQL, ...). It does not stream in chat engines.
    """

    async def aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Transform, then retrieve; the stock class has no such method."""
        engine: Any = self._query_engine  # those that retrieve have it, the base class does not name it
        found: list[NodeWithScore] = await engine.aretrieve(await self._transformed(query_bundle))
        return found

    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> RESPONSE_TYPE:
        """Transform, then synthesize."""
        bundle = await self._transformed(query_bundle)
        return await self._query_engine.asynthesize(bundle, nodes, additional_source_nodes)

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        """Transform, then query."""
        return await self._query_engine.aquery(await self._transformed(query_bundle))

    async def _transformed(self, query_bundle: QueryBundle) -> QueryBundle:
        """The transformed bundle."""
        return await arun(self._query_transform, query_bundle, self._transform_metadata)
