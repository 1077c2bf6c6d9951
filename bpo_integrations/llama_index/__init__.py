"""BPO in LlamaIndex: retrieve and rerank with the user's words, let the LLM answer the rewrite.

    from bpo_integrations.llama_index import BPOQueryEngine

    engine = BPOQueryEngine.from_args(index.as_retriever(), llm=llm)

The transform, the retrievers and the wrapper for existing engines are for finer control.
"""

from bpo_model import MissingDependencyError

try:
    import llama_index.core  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.llama_index needs llama-index-core. Install it with: pip install "bpo-model[llama-index]"'
    ) from error

from bpo_integrations.llama_index.engines import BPOQueryEngine, BPOTransformQueryEngine
from bpo_integrations.llama_index.retrievers import BPOFusionRetriever, BPOTransformRetriever
from bpo_integrations.llama_index.rewriting import BPORewriteEvent
from bpo_integrations.llama_index.transform import BPOQueryTransform

__all__ = [
    "BPOFusionRetriever",
    "BPOQueryEngine",
    "BPOQueryTransform",
    "BPORewriteEvent",
    "BPOTransformQueryEngine",
    "BPOTransformRetriever",
]
