"""A chat model that records what it gets, and optimizers that behave and misbehave."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from bpo_model.testing import FakeOptimizer


class Recorder(BaseChatModel):
    """Answers with scripted messages, or with the last message's text, word by word when streamed."""

    seen: list[list[BaseMessage]] = []  # noqa: RUF012  # pydantic copies it for every instance
    script: list[Any] = []  # noqa: RUF012

    @property
    def _llm_type(self) -> str:
        return "recorder"

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        self.seen.append(messages)
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return AIMessage(**answer.model_dump(exclude={"type", "id"})) if answer else AIMessage("ok")
        return AIMessage(f"heard: {messages[-1].text}")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        words = str(answer.content).split(" ") if not answer.tool_calls else [""]
        for index, word in enumerate(words):
            text = word if index == 0 else f" {word}"
            chunk = AIMessageChunk(content=text)
            if answer.tool_calls:
                chunk = AIMessageChunk(content="", tool_calls=answer.tool_calls)
            if run_manager:
                run_manager.on_llm_new_token(text)
            yield ChatGenerationChunk(message=chunk)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self


@pytest.fixture
def llm() -> Recorder:
    return Recorder(seen=[], script=[])


@pytest.fixture
def failing_on() -> Callable[[str], FakeOptimizer]:
    """An optimizer whose model fails for prompts with a certain word."""

    def make(word: str) -> FakeOptimizer:
        def rewrite(text: str) -> str:
            if word in text:
                raise RuntimeError("the model broke")
            return f"{text} Please explain your answer."

        return FakeOptimizer(rewrite)

    return make
