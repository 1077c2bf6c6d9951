"""With the embedded optimizer, a real LLM server on loopback, and LangChain's own OpenAI client."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from pydantic import SecretStr

from bpo_integrations.langchain import BPORunnable

langchain_openai = pytest.importorskip("langchain_openai")

ASKS = [
    "how do volcanoes work",
    "how do i grow tomatoes on a balcony",
    "best laptop under $800 for college",
    "write a poem about rain",
    "Summarize the following text:\n\nThe pump in hall 7 was serviced on 2024-05-03 and runs again.",
]
TEMPLATE = ChatPromptTemplate([("system", "Answer in one sentence."), ("human", "{question}")])


@pytest.fixture(scope="module")
def model(chat_url: str) -> Any:
    return langchain_openai.ChatOpenAI(
        base_url=chat_url, api_key=SecretStr("unused"), model="smollm2", temperature=0, max_completion_tokens=24
    )


@pytest.fixture(scope="module")
def chain(model: Any) -> Any:
    return TEMPLATE | BPORunnable() | model | StrOutputParser()


def test_the_model_gets_the_rewrite_and_answers(chain: Any) -> None:
    collector = RunCollectorCallbackHandler()
    answer = chain.invoke({"question": ASKS[0]}, {"callbacks": [collector]})
    (root,) = collector.traced_runs
    _, step, llm, _ = root.child_runs
    assert step.outputs
    rewritten = step.outputs["output"].messages[-1].content
    assert rewritten != ASKS[0]
    assert rewritten.startswith(ASKS[0])
    assert rewritten in str(llm.inputs)
    assert answer.strip()


def test_the_answer_streams(chain: Any) -> None:
    assert len(list(chain.stream({"question": ASKS[1]}))) > 3


async def test_the_answer_streams_in_an_event_loop(chain: Any) -> None:
    assert len([chunk async for chunk in chain.astream({"question": ASKS[1]})]) > 3


async def test_batches_and_single_calls_agree(chain: Any) -> None:
    step = TEMPLATE | BPORunnable()
    questions = [{"question": ask} for ask in ASKS]
    single = [step.invoke(question) for question in questions]
    assert step.batch(questions) == single
    assert await step.abatch(questions) == single
    assert [len(value.messages) for value in single] == [2] * len(ASKS)
    assert single[-1].messages[-1].content.endswith("\n\nThe pump in hall 7 was serviced on 2024-05-03 and runs again.")


def test_what_notes_the_original_is_not_sent(model: Any) -> None:
    message = BPORunnable().invoke(HumanMessage(ASKS[0]))
    assert message.additional_kwargs["bpo"]["original"] == ASKS[0]
    payload = model._get_request_payload([message])
    assert payload["messages"] == [{"role": "user", "content": message.content}]


def test_sixteen_threads_get_what_one_gets() -> None:
    bpo = BPORunnable()
    single = [bpo.invoke(ask) for ask in ASKS]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(bpo.invoke, ASKS * 8)) == single * 8


def _rewrite_in_child(queue: Any) -> None:
    queue.put(BPORunnable().invoke(ASKS[0]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_rewrites_as_its_parent() -> None:
    parent = BPORunnable().invoke(ASKS[0])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_rewrite_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == parent
    child.join(10)


def test_variants_are_verified_rewrites() -> None:
    variants = BPORunnable().variants(4).invoke(ASKS[2])
    assert variants
    assert all("$800" in variant for variant in variants)
    assert len(set(variants)) == len(variants)
