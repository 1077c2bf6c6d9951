"""What reaches the LLM when a prompt goes through one of the product's adapters.

The adapter runs as in an application, with a model at its end that only writes down what it is
given. All of them must hand over the same bytes, so that one answer serves all.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from bpo_integrations.step import OptimizerLike, RewriteStep
from bpo_model.compare.types import Message

Route: TypeAlias = Callable[[str], Awaitable[list[Message]]]
"""A prompt -> the messages that the LLM would get."""


def raw(optimizer: OptimizerLike, iterations: int = 1) -> Route:
    """The optimizer itself, without a framework."""
    step = RewriteStep(optimizer, iterations=iterations, on_error="raise")

    async def messages(prompt: str) -> list[Message]:
        return _user((await step.aresult(prompt)).text)

    return messages


def langchain(optimizer: OptimizerLike, iterations: int = 1) -> Route:
    """`bpo | llm`."""
    from langchain_core.messages import HumanMessage
    from langchain_core.runnables import RunnableLambda

    from bpo_integrations.langchain import BPORunnable

    given: dict[str, Any] = {"model": optimizer} if isinstance(optimizer, str) else {"optimizer": optimizer}

    def note(sent: list[HumanMessage]) -> list[Message]:
        return [{"role": "user", "content": message.content} for message in sent]

    chain = BPORunnable(iterations=iterations, on_error="raise", **given) | RunnableLambda(note)

    async def messages(prompt: str) -> list[Message]:
        sent: list[Message] = await chain.ainvoke([HumanMessage(prompt)])
        return sent

    return messages


def llama_index(optimizer: OptimizerLike, iterations: int = 1) -> Route:
    """BPOQueryTransform in front of an LLM's `achat`."""
    from llama_index.core.base.llms.types import ChatMessage

    from bpo_integrations.llama_index import BPOQueryTransform

    transform = BPOQueryTransform(optimizer, iterations=iterations, on_error="raise")

    async def messages(prompt: str) -> list[Message]:
        message = ChatMessage(role="user", content=(await transform.arun(prompt)).query_str)
        return [{"role": message.role.value, "content": message.content}]

    return messages


def dspy(optimizer: OptimizerLike, iterations: int = 1) -> Route:
    """BPORewrite in front of an LM."""
    from bpo_integrations.dspy import BPORewrite

    rewrite = BPORewrite(optimizer, iterations=iterations, on_error="raise")

    async def messages(prompt: str) -> list[Message]:
        return _user((await rewrite.acall(prompt=prompt)).optimized_prompt)

    return messages


VIAS: dict[str, Callable[[OptimizerLike, int], Route]] = {
    "raw": raw,
    "langchain": langchain,
    "llamaindex": llama_index,
    "dspy": dspy,
}
"""What `--via` offers."""


def _user(text: str) -> list[Message]:
    """A conversation of one user turn."""
    return [{"role": "user", "content": text}]
