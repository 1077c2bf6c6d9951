"""In agents: one rewrite a human message, a prompt that only grows at its end, a state with the user's words."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, PIIMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from bpo_integrations.langchain import BPORunnable
from bpo_integrations.langchain_agents import BPOMiddleware
from bpo_model import GenerationError
from bpo_model.testing import FakeOptimizer

PLEASE = " Please explain your answer."
ONE: RunnableConfig = {"configurable": {"thread_id": "one"}}


def look_up(topic: str) -> str:
    """Look up a topic."""
    return f"facts about {topic}"


def call(number: int) -> AIMessage:
    """The model asks for the tool."""
    return AIMessage("", tool_calls=[{"name": "look_up", "args": {"topic": "tea"}, "id": f"c{number}"}])


def human(messages: list[BaseMessage]) -> list[Any]:
    """The human texts of a prompt or a state."""
    return [message.content for message in messages if isinstance(message, HumanMessage)]


def ask(
    agent: Any, text: Any, config: RunnableConfig | None = ONE, *, wait: bool = False, id: str | None = None
) -> Any:
    """One turn, sync or async."""
    value = {"messages": [HumanMessage(text, id=id)]}
    return asyncio.run(agent.ainvoke(value, config)) if wait else agent.invoke(value, config)


@pytest.mark.parametrize("wait", [False, True], ids=["sync", "async"])
def test_two_turns_with_tool_loops_and_a_checkpointer(fake: FakeOptimizer, llm: Any, wait: bool) -> None:
    llm.script += [call(1), call(2), AIMessage("done"), call(3), call(4), AIMessage("done again")]
    agent = create_agent(llm, [look_up], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    first = ask(agent, "tell me about tea", wait=wait)
    second = ask(agent, "compare tea with coffee", wait=wait)
    assert fake.calls == [["tell me about tea"], ["compare tea with coffee"]]
    seen = [human(messages) for messages in llm.seen]
    assert seen[:3] == [[f"tell me about tea{PLEASE}"]] * 3
    assert seen[3:] == [[f"tell me about tea{PLEASE}", f"compare tea with coffee{PLEASE}"]] * 3
    assert human(second["messages"]) == ["tell me about tea", "compare tea with coffee"]
    assert list(first) == list(second) == ["messages"]


def test_every_prompt_starts_with_the_one_before(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    for topic in ("tea", "rain", "old bridges"):
        ask(agent, f"tell me about {topic}")
    for before, after in zip(llm.seen, llm.seen[1:], strict=False):
        assert [m.content for m in after[: len(before)]] == [m.content for m in before]


@pytest.mark.parametrize("order", [0, 1], ids=["pii first", "bpo first"])
@pytest.mark.parametrize("wait", [False, True], ids=["sync", "async"])
def test_what_pii_middleware_redacts_reaches_neither_rewriter_nor_model(
    fake: FakeOptimizer, llm: Any, order: int, wait: bool
) -> None:
    middleware: list[Any] = [PIIMiddleware("email", strategy="redact"), BPOMiddleware(fake)]
    agent = create_agent(llm, [], middleware=middleware[:: 1 - 2 * order], checkpointer=InMemorySaver())
    ask(agent, "write a letter to jo@example.org about tea", wait=wait)
    out = ask(agent, "write another one to jo@example.org", wait=wait)
    assert "jo@example.org" not in str(fake.calls) + str(llm.seen) + str(out)
    assert "[REDACTED_EMAIL]" in str(llm.seen[-1])
    assert len(fake.calls) == 2


def test_a_message_edited_under_its_id_gets_a_rewrite_of_its_new_text(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    ask(agent, "tell me about tea", id="h1")
    answer = agent.get_state(ONE).values["messages"][-1]
    agent.update_state(ONE, {"messages": [RemoveMessage(answer.id)]})
    ask(agent, "tell me about rain", id="h1")
    assert human(llm.seen[-1]) == [f"tell me about rain{PLEASE}"]


def test_an_older_message_edited_under_its_id_goes_out_as_edited(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    ask(agent, "tell me about tea", id="h1")
    agent.update_state(ONE, {"messages": [HumanMessage("tell me about snow", id="h1")]})
    ask(agent, "tell me about rain", id="h2")
    assert human(llm.seen[-1]) == ["tell me about snow", f"tell me about rain{PLEASE}"]


def test_rewrites_of_removed_messages_are_forgotten(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    ask(agent, "tell me about tea", id="h1")
    agent.update_state(ONE, {"messages": [RemoveMessage("h1")]})
    ask(agent, "tell me about rain", id="h2")
    assert list(agent.get_state(ONE).values["bpo_rewrites"]) == ["h2"]


def test_a_graph_that_is_interrupted_and_resumed_rewrites_once(fake: FakeOptimizer, llm: Any) -> None:
    llm.script += [call(1), AIMessage("done")]
    middleware: list[Any] = [BPOMiddleware(fake), HumanInTheLoopMiddleware(interrupt_on={"look_up": True})]
    agent = create_agent(llm, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    assert "__interrupt__" in ask(agent, "tell me about tea")
    out = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), ONE)
    assert fake.calls == [["tell me about tea"]]
    assert [human(messages) for messages in llm.seen] == [[f"tell me about tea{PLEASE}"]] * 2
    assert human(out["messages"]) == ["tell me about tea"]


def test_a_model_that_fails_costs_no_rewrite_and_leaves_no_trace(fake: FakeOptimizer, llm: Any) -> None:
    llm.script += [RuntimeError("the LLM is down"), AIMessage("done")]
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)], checkpointer=InMemorySaver())
    with pytest.raises(RuntimeError, match="the LLM is down"):
        ask(agent, "tell me about tea", id="h1")
    out = agent.invoke(None, ONE)
    assert human(llm.seen[-1]) == [f"tell me about tea{PLEASE}"]
    assert human(out["messages"]) == ["tell me about tea"]


@pytest.mark.parametrize("wait", [False, True], ids=["sync", "async"])
def test_a_failing_optimizer_lets_the_original_through_or_raises(
    failing_on: Callable[[str], FakeOptimizer], llm: Any, wait: bool
) -> None:
    ask(create_agent(llm, [], middleware=[BPOMiddleware(failing_on("tea"))]), "tell me about tea", None, wait=wait)
    assert human(llm.seen[-1]) == ["tell me about tea"]
    strict = create_agent(llm, [], middleware=[BPOMiddleware(failing_on("tea"), on_error="raise")])
    with pytest.raises(GenerationError, match="the model broke"):
        ask(strict, "tell me about tea", None, wait=wait)


def test_an_optimizer_that_is_too_slow_lets_the_original_through(slow: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(slow, deadline_ms=50)], checkpointer=InMemorySaver())
    ask(agent, "tell me about tea")
    assert human(llm.seen[-1]) == ["tell me about tea"]
    ask(agent, "and what is the weather in Oslo like today")
    assert human(llm.seen[-1])[0] == "tell me about tea"  # what went out once goes out again


def test_agents_and_threads_share_one_middleware(fake: FakeOptimizer, llm: Any) -> None:
    shared = BPOMiddleware(fake)
    agents = [create_agent(llm, [], middleware=[shared], checkpointer=InMemorySaver()) for _ in range(2)]

    def talk(number: int) -> list[str]:
        config: RunnableConfig = {"configurable": {"thread_id": str(number)}}
        ask(agents[number % 2], f"tell me about tea number {number}", config)
        out = ask(agents[number % 2], f"tell me about rain number {number}", config)
        return [str(message.content) for message in out["messages"]]

    with ThreadPoolExecutor(32) as pool:
        talks = list(pool.map(talk, range(100)))
    for number, texts in enumerate(talks):
        assert texts == [
            f"tell me about tea number {number}",
            f"heard: tell me about tea number {number}{PLEASE}",
            f"tell me about rain number {number}",
            f"heard: tell me about rain number {number}{PLEASE}",
        ]


def test_images_around_the_text_stay(fake: FakeOptimizer, llm: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [image, {"type": "text", "text": "tell me about this picture"}, image]
    out = ask(create_agent(llm, [], middleware=[BPOMiddleware(fake)]), content, None)
    assert human(llm.seen[0]) == [[image, {"type": "text", "text": f"tell me about this picture{PLEASE}"}, image]]
    assert human(out["messages"]) == [content]


def test_several_texts_between_images_stay(fake: FakeOptimizer, llm: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "compare this"}, image, {"type": "text", "text": "with that"}, image]
    ask(create_agent(llm, [], middleware=[BPOMiddleware(fake)]), content, None)
    assert human(llm.seen[0]) == [content]


def test_the_rewrite_is_a_child_of_the_model_node_and_leaks_to_no_stream(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [], middleware=[BPOMiddleware(fake)])
    collector = RunCollectorCallbackHandler()
    value: Any = {"messages": [HumanMessage("tell me about tea")]}
    streamed = [message for message, _ in agent.stream(value, {"callbacks": [collector]}, stream_mode="messages")]
    assert {type(message).__name__ for message in streamed} <= {"AIMessageChunk", "AIMessage"}
    (node,) = [run for run in collector.traced_runs[0].child_runs if run.name == "model"]
    assert "BPORunnable" in [run.name for run in node.child_runs]


def test_the_state_graph_has_no_extra_node(fake: FakeOptimizer, llm: Any) -> None:
    agent = create_agent(llm, [look_up], middleware=[BPOMiddleware(fake)])
    assert set(agent.get_graph().nodes) == {"__start__", "model", "tools", "__end__"}


def test_the_runnable_as_a_node_replaces_messages_and_adds_none(fake: FakeOptimizer) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("optimize", BPORunnable(optimizer=fake))
    graph.add_edge(START, "optimize")
    before: list[Any] = [
        HumanMessage("hi", id="1"),
        AIMessage("hello", id="2"),
        HumanMessage("tell me about tea", id="3"),
    ]
    app = graph.compile()
    out = app.invoke({"messages": before})
    assert [message.id for message in out["messages"]] == ["1", "2", "3"]
    assert out["messages"][-1].content == f"tell me about tea{PLEASE}"
    streamed = [message for message, _ in app.stream({"messages": before}, stream_mode="messages")]
    assert [message for message in streamed if isinstance(message, HumanMessage)] == []


def test_a_tool_message_at_the_end_is_no_new_turn(fake: FakeOptimizer, llm: Any) -> None:
    history: list[Any] = [HumanMessage("tell me about tea"), call(1), ToolMessage("facts", tool_call_id="c1")]
    create_agent(llm, [look_up], middleware=[BPOMiddleware(fake)]).invoke({"messages": history})
    assert fake.calls == []
    assert human(llm.seen[0]) == ["tell me about tea"]
