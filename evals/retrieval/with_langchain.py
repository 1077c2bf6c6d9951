"""The same searches through LangChain: InMemoryVectorStore and EnsembleRetriever.

The texts are given: an application puts BPORunnable where a fixed text stands here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from evals.retrieval.search import DEPTH, Embed


class LangChainSearch:
    """InMemoryVectorStore, and EnsembleRetriever around it."""

    def __init__(self, passages: Mapping[str, str], embed: Embed) -> None:
        """Embed all passages, given as text by id."""
        self._embed = embed
        self._store = InMemoryVectorStore(_LangChainEmbedding(embed))
        self._store.add_texts(list(passages.values()), ids=list(passages))

    def pooled(self, texts: Sequence[str]) -> list[str]:
        """LangChain has no pooling of its own: the mean is taken here."""
        mean = np.mean(self._embed(texts), axis=0).tolist()
        return _ids(self._store.similarity_search_by_vector(mean, k=DEPTH))

    def fused(self, texts: Sequence[str]) -> list[str]:
        """One retriever a text, of equal weight."""
        retriever = self._store.as_retriever(search_kwargs={"k": DEPTH})
        each: list[Runnable[str, list[Document]]] = [_always(text) | retriever for text in texts]
        ensemble = EnsembleRetriever(retrievers=each, weights=[1 / len(each)] * len(each))
        return _ids(ensemble.invoke(texts[0]))[:DEPTH]


def _always(text: str) -> Runnable[str, str]:
    """Where BPORunnable(output="text") would rewrite what comes in."""

    def fixed(_: str) -> str:
        return text

    return RunnableLambda(fixed)


def _ids(documents: Sequence[Document]) -> list[str]:
    """Passage ids."""
    return [document.id or "" for document in documents]


class _LangChainEmbedding(Embeddings):
    """Our function as LangChain takes it."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One row a text."""
        rows: list[list[float]] = self._embed(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """One row."""
        return self.embed_documents([text])[0]
