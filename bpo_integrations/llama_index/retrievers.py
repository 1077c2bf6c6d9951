"""Retrievers that search with the rewrite, for those who measured that it helps."""

from collections.abc import Sequence

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever, TransformRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import NodeWithScore, QueryBundle

from bpo_integrations.llama_index.rewriting import QueryRewriter
from bpo_integrations.llama_index.transform import arun
from bpo_integrations.step import OptimizerLike
from bpo_model.config import Overrides
from bpo_model.schema import OnError


class BPOTransformRetriever(TransformRetriever):
    """TransformRetriever whose `aretrieve` blocks no event loop; the stock one transforms and searches on it.

    Give it `BPOQueryTransform(target="retrieval")`: the default target leaves the search as it is.
    """

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Transform, then search, both without blocking."""
        bundle = await arun(self._query_transform, query_bundle, self._transform_metadata)
        return await self._retriever.aretrieve(bundle)


class BPOFusionRetriever(QueryFusionRetriever):
    """Searches with the original and with the rewrite, and fuses the two lists by reciprocal rank.

    A query that is not rewritten is searched once. Costs two searches; see the README for what it gains.
    """

    def __init__(
        self,
        retrievers: Sequence[BaseRetriever],
        *,
        optimizer: OptimizerLike = None,
        mode: FUSION_MODES = FUSION_MODES.RECIPROCAL_RANK,
        similarity_top_k: int = 2,
        use_async: bool = True,
        retriever_weights: list[float] | None = None,
        callback_manager: CallbackManager | None = None,
        deadline_ms: float | None = None,
        on_error: OnError = "passthrough",
    ) -> None:
        """Take one retriever or more and what QueryFusionRetriever takes; `mode` is how lists are fused.

        Further options of the rewriting belong to the optimizer.
        """
        super().__init__(
            list(retrievers), llm=MockLLM(), mode=mode, similarity_top_k=similarity_top_k, num_queries=2,
            use_async=use_async, retriever_weights=retriever_weights, callback_manager=callback_manager,
        )  # fmt: skip
        options: Overrides = {"on_error": on_error}
        if deadline_ms is not None:
            options["deadline_ms"] = deadline_ms
        self._rewriter = QueryRewriter(optimizer, **options)

    def _get_queries(self, original_query: str) -> list[QueryBundle]:
        """The further queries: the rewrite, if there is one."""
        result = self._rewriter.rewrite(original_query)
        return [QueryBundle(result.text)] if result.changed else []

    async def _aget_queries(self, original_query: str) -> list[QueryBundle]:
        """Like `_get_queries`."""
        result = await self._rewriter.arewrite(original_query)
        return [QueryBundle(result.text)] if result.changed else []
