"""A middleware for agents: the model sees the rewrite, the history keeps the user's words.

pip install "bpo-model[langchain-agents]" langchain-openai
python examples/langchain_agent.py
"""

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from local_llm import local_llm

from bpo_integrations.langchain_agents import BPOMiddleware

with local_llm() as url:
    llm = ChatOpenAI(base_url=url, api_key="unused", model="local", temperature=0, max_tokens=40)
    agent = create_agent(llm, middleware=[BPOMiddleware(deadline_ms=2000)], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    for question in ("what to do in lisbon with kids", "how do i grow tomatoes on a balcony"):
        state = agent.invoke({"messages": [("human", question)]}, thread)

    for message in state["messages"]:
        print(f"{message.type:>6}: {message.text}")
    rewrites = agent.get_state(thread).values["bpo_rewrites"]
    print("\nWhat the model got in place of the human messages:")
    for rewrite in rewrites.values():
        print("       -", rewrite["content"])
