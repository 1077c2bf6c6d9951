"""`bpo | llm`: one more step in an existing chain. Shows the prompt before and after, and streams the answer.

pip install "bpo-model[langchain]" langchain-openai
python examples/langchain_chain.py "how do volcanoes work"
"""

import sys

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from local_llm import local_llm

from bpo_integrations.langchain import BPORunnable

QUESTION = sys.argv[1] if len(sys.argv) > 1 else "how do volcanoes work"

with local_llm() as url:
    prompt = ChatPromptTemplate([("system", "Answer in one sentence."), ("human", "{question}")])
    bpo = BPORunnable(deadline_ms=2000)  # after two seconds the original goes out
    llm = ChatOpenAI(base_url=url, api_key="unused", model="local", temperature=0, max_tokens=60)

    sent = (prompt | bpo).invoke({"question": QUESTION}).messages[-1]
    print("asked:   ", QUESTION)
    print("sent:    ", sent.content)
    print("answer:   ", end="")
    for chunk in (prompt | bpo | llm | StrOutputParser()).stream({"question": QUESTION}):
        print(chunk, end="", flush=True)
    print()
