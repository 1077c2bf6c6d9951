"""The same search by name of the framework that runs it; each is imported only where it is asked for."""

from collections.abc import Callable, Mapping

from evals.retrieval.search import Embed, NumpySearch, Search


def _langchain(passages: Mapping[str, str], embed: Embed) -> Search:
    """Imports LangChain only where it is asked for."""
    from evals.retrieval.with_langchain import LangChainSearch

    return LangChainSearch(passages, embed)


def _llama_index(passages: Mapping[str, str], embed: Embed) -> Search:
    """Imports LlamaIndex only where it is asked for."""
    from evals.retrieval.with_llama_index import LlamaIndexSearch

    return LlamaIndexSearch(passages, embed)


SEARCHES: dict[str, Callable[[Mapping[str, str], Embed], Search]] = {
    "none": NumpySearch,
    "langchain": _langchain,
    "llama_index": _llama_index,
}
"""Search by name of the framework; what `--framework` offers."""
