"""RAG in LangChain: search with the user's question, answer its rewrite, both at the same time.

pip install "bpo-model[langchain]" langchain-openai sentence-transformers
python examples/langchain_rag.py
"""

from operator import itemgetter

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI
from local_embedding import LocalEmbeddings
from local_llm import local_llm

from bpo_integrations.langchain import BPORunnable

PASSAGES = [
    "The library opens at nine on weekdays and at ten on Saturdays. It is closed on Sundays.",
    "Books may be kept for three weeks and renewed twice, unless somebody else has asked for them.",
    "A lost card is replaced for four euros at the front desk.",
    "The reading room on the second floor is for silent work; the café next door is not.",
]
PROMPT = ChatPromptTemplate([("human", "Context:\n{context}\n\nAnswer from the context only. {optimized}")])

with local_llm() as url:
    retriever = InMemoryVectorStore.from_texts(PASSAGES, LocalEmbeddings()).as_retriever(search_kwargs={"k": 1})
    llm = ChatOpenAI(base_url=url, api_key="unused", model="local", temperature=0, max_tokens=60)
    prepared = RunnablePassthrough.assign(
        context=itemgetter("question") | retriever | (lambda found: "\n".join(doc.page_content for doc in found)),
        optimized=itemgetter("question") | BPORunnable(deadline_ms=2000),
    )
    for question in ("how long can i keep a book", "when do you open on saturday"):
        state = prepared.invoke({"question": question})
        print("asked:   ", state["question"])
        print("found:   ", state["context"])
        print("sent:    ", state["optimized"])
        print("answer:  ", (PROMPT | llm | StrOutputParser()).invoke(state), "\n")
