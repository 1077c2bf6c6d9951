"""The same searches through LlamaIndex: VectorStoreIndex and QueryFusionRetriever.

The texts are given: an application puts a query transform where a fixed text stands here.
"""

from collections.abc import Mapping, Sequence

from llama_index.core import QueryBundle, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import NodeWithScore, TextNode

from evals.retrieval.search import DEPTH, Embed


class LlamaIndexSearch:
    """VectorStoreIndex, with a QueryBundle of several texts, or QueryFusionRetriever around it."""

    def __init__(self, passages: Mapping[str, str], embed: Embed) -> None:
        """Embed all passages, given as text by id."""
        nodes = [TextNode(id_=name, text=text) for name, text in passages.items()]
        model = _LlamaIndexEmbedding(embed)
        self._retriever = VectorStoreIndex(nodes, embed_model=model).as_retriever(similarity_top_k=DEPTH)

    def pooled(self, texts: Sequence[str]) -> list[str]:
        """The mean is LlamaIndex' own."""
        return _node_ids(self._retriever.retrieve(QueryBundle(texts[0], custom_embedding_strs=list(texts))))

    def fused(self, texts: Sequence[str]) -> list[str]:
        """One retriever a text; no further queries are generated."""
        fusion = QueryFusionRetriever(
            [_FixedText(self._retriever, text) for text in texts],
            llm=MockLLM(), num_queries=1, mode=FUSION_MODES.RECIPROCAL_RANK, similarity_top_k=DEPTH, use_async=False,
        )  # fmt: skip
        return _node_ids(fusion.retrieve(texts[0]))


def _node_ids(nodes: Sequence[NodeWithScore]) -> list[str]:
    """Passage ids."""
    return [node.node.node_id for node in nodes]


class _FixedText(BaseRetriever):
    """Searches for its own text, whatever is asked."""

    def __init__(self, inner: BaseRetriever, text: str) -> None:
        self._inner, self._text = inner, text
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The nodes for its own text."""
        return self._inner.retrieve(self._text)


class _LlamaIndexEmbedding(BaseEmbedding):
    """Our function as LlamaIndex takes it."""

    def __init__(self, embed: Embed) -> None:
        super().__init__(model_name="given")
        self._embed = embed

    def _get_text_embedding(self, text: str) -> list[float]:
        """One row."""
        row: list[float] = self._embed([text])[0].tolist()
        return row

    def _get_query_embedding(self, query: str) -> list[float]:
        """One row."""
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        """One row."""
        return self._get_text_embedding(query)
