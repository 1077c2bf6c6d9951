"""RAG in LlamaIndex: search with the user's question, let the LLM answer its rewrite, both at the same time.

    pip install "bpo-model[llama-index]"
    python examples/llama_index_rag.py

Needs no network and no key: the embedding counts words, and the LLM is LlamaIndex's mock, which
answers with its prompt, so that you see what a real one would get. Put yours in their place.
"""

import re
import zlib

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM

from bpo_integrations.llama_index import BPOQueryEngine

PASSAGES = [
    "The library opens at nine on weekdays and at ten on Saturdays. It is closed on Sundays.",
    "Books may be kept for three weeks and renewed twice, unless somebody else has asked for them.",
    "A lost card is replaced for four euros at the front desk.",
    "The reading room on the second floor is for silent work; the café next door is not.",
    "Films and games are lent for one week and cannot be renewed.",
]
searched: list[str] = []


class BagOfWords(BaseEmbedding):
    """Counts the longer words of a text, without a final s, so that books match book."""

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * 512
        for word in re.findall(r"\w{4,}", text.lower()):
            vector[zlib.crc32(word.rstrip("s").encode()) % 512] += 1
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        searched.append(query)
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


index = VectorStoreIndex.from_documents([Document(text=text) for text in PASSAGES], embed_model=BagOfWords())
engine = BPOQueryEngine.from_args(index.as_retriever(similarity_top_k=1), llm=MockLLM(), deadline_ms=5000)

for question in ("how long can i keep a book", "when do you open on saturday"):
    response = engine.query(question)
    print("asked:   ", question)
    print("searched:", searched[-1])
    print("found:   ", response.source_nodes[0].text)
    print("the LLM gets:", str(response).strip(), "", sep="\n")
