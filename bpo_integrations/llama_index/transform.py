"""The query transform: what search sees and what the LLM sees, chosen by `target`."""

import asyncio
from dataclasses import replace
from typing import Any, Literal, TypeAlias, Unpack, get_args

from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.schema import QueryBundle, QueryType

from bpo_integrations.llama_index.rewriting import QueryRewriter, dispatcher, for_synthesis
from bpo_integrations.step import OptimizerLike
from bpo_model import OptimizedPrompt
from bpo_model.config import Overrides

Target: TypeAlias = Literal["synthesis", "retrieval", "both"]


class BPOQueryTransform(BaseQueryTransform):
    """Rewrites a query for the LLM (`synthesis`, the default), for dense search, or for both.

    | target | query_str (LLM, rerankers, BM25) | embeddings (dense search) |
    |---|---|---|
    | synthesis | rewrite | original |
    | retrieval | original | rewrite, and the original if `include_original` |
    | both | rewrite | rewrite, and the original if `include_original` |

    Several embedding strings are averaged by LlamaIndex, not searched one by one. The bundle that
    comes in is never changed; an image and unknown metadata pass through; a query that is not rewritten
    comes back as the same object. To rerank with the original, use BPOQueryEngine.
    """

    def __init__(
        self,
        optimizer: OptimizerLike = None,
        *,
        target: Target = "synthesis",
        include_original: bool = True,
        **options: Unpack[Overrides],
    ) -> None:
        """Take an optimizer, the name of a checkpoint, or None for the embedded default, and call options.

        Raises:
            ValueError: If the target or an option cannot work, naming it.
        """
        if target not in get_args(Target):
            raise ValueError(f"target must be one of {', '.join(get_args(Target))}, got {target!r}")
        self.target, self.include_original = target, include_original
        self._rewriter = QueryRewriter(optimizer, **options)

    @property
    def optimizer(self) -> Any:
        """The optimizer; loads it if no query has come yet."""
        return self._rewriter.optimizer

    @dispatcher.span  # LlamaIndex does that for `_run`
    async def arun(self, query_bundle_or_str: QueryType, metadata: dict[str, Any] | None = None) -> QueryBundle:
        """Like `run`, without blocking the event loop."""
        bundle = query_bundle_or_str
        if isinstance(bundle, str):
            bundle = QueryBundle(query_str=bundle, custom_embedding_strs=[bundle])
        return self._transformed(bundle, await self._rewriter.arewrite(bundle.query_str))

    def _run(self, query_bundle: QueryBundle, metadata: dict[str, Any]) -> QueryBundle:
        """What `run` calls; no metadata is needed."""
        return self._transformed(query_bundle, self._rewriter.rewrite(query_bundle.query_str))

    def _transformed(self, bundle: QueryBundle, result: OptimizedPrompt) -> QueryBundle:
        """A new bundle with the rewrite where the target wants it."""
        if not result.changed or self.target == "synthesis":
            return for_synthesis(bundle, result)
        strings = [result.text, *(bundle.embedding_strs if self.include_original else [])]
        query = result.text if self.target == "both" else bundle.query_str
        # A kept embedding would be searched instead of the strings.
        return replace(bundle, query_str=query, custom_embedding_strs=strings, embedding=None)

    def _get_prompts(self) -> PromptDictType:
        """There is no template to change: the checkpoint carries its own."""
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """Nothing to change."""


async def arun(transform: BaseQueryTransform, bundle: QueryBundle, metadata: dict[str, Any] | None) -> QueryBundle:
    """Run any transform without blocking the event loop: by its own `arun`, else in a thread."""
    if isinstance(transform, BPOQueryTransform):
        return await transform.arun(bundle, metadata)
    return await asyncio.to_thread(transform.run, bundle, metadata)
