"""The Runnable as an object: schemas, options, copies, pickles, serialization, traces."""

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnablePassthrough
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.tracers.schemas import Run

from bpo_integrations.langchain import BPORunnable, BPOVariants
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


@pytest.fixture
def bpo(fake: FakeOptimizer) -> BPORunnable:
    return BPORunnable(optimizer=fake)


def test_the_schemas_are_json(bpo: BPORunnable, llm: BaseChatModel) -> None:
    for step in (bpo, BPORunnable(output="text"), bpo.variants(2), bpo | llm):
        assert json.dumps(step.get_input_jsonschema())
        assert json.dumps(step.get_output_jsonschema())
    assert BPORunnable(output="text").get_output_jsonschema()["type"] == "string"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temprature": 1}, "temprature"),
        ({"mode": "wild"}, "mode"),
        ({"candidates": 0}, "candidates must be >= 1"),
        ({"deadline_ms": -1}, "deadline_ms must be > 0"),
        ({"optimizer": 5}, "optimizer must be a PromptOptimizer"),
        ({"model": "x", "optimizer": FakeOptimizer()}, "not both"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        BPORunnable(**options)


def test_a_thousand_constructions_load_nothing() -> None:
    code = (
        "import socket, sys; socket.socket.connect = None\n"
        "from bpo_integrations.langchain import BPORunnable\n"
        "[BPORunnable(model='THUDM/BPO') for _ in range(1000)]\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"torch", "transformers", "langchain", "xllamacpp", "openai"} == set()


@pytest.mark.parametrize("used", [False, True])
def test_copies_share_the_optimizer_and_pickles_work(used: bool, fake: FakeOptimizer) -> None:
    bpo = BPORunnable(optimizer=fake, input_key="q")
    if used:
        bpo.invoke({"q": ASK})
    for other in (copy.deepcopy(bpo), copy.copy(bpo), bpo.model_copy(deep=True)):
        assert other.optimizer is fake
    assert pickle.loads(pickle.dumps(bpo)).invoke({"q": ASK}) == {"q": REWRITE}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")  # it has been for years
def test_it_serializes_by_its_fields() -> None:
    bpo = BPORunnable(model="hf:someone/checkpoint", rewrite="always", input_key="q", deadline_ms=500)
    allowed: dict[str, Any] = {"allowed_objects": [BPORunnable, BPOVariants], "valid_namespaces": ["bpo_integrations"]}
    assert dumpd(bpo)["id"] == ["bpo_integrations", "langchain", "BPORunnable"]
    assert load(dumpd(bpo), **allowed) == bpo
    assert load(dumpd(bpo.variants(5)), **allowed) == bpo.variants(5)


def test_an_injected_optimizer_is_not_silently_replaced(bpo: BPORunnable) -> None:
    assert dumpd(bpo)["type"] == "not_implemented"


def test_no_key_is_in_what_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from bpo_model import OpenAICompatible, PromptOptimizer
    from bpo_model.checkpoint import load_checkpoint

    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("HF_TOKEN", "hf-very-secret")
    server = OpenAICompatible(base_url="http://localhost:1/v1", model="bpo")
    bpo = BPORunnable(optimizer=PromptOptimizer(server, load_checkpoint()))
    for written in (dumps(bpo), repr(bpo), dumps(BPORunnable()), str(pickle.dumps(bpo))):
        assert "very-secret" not in written


def test_a_configured_option_reaches_the_optimizer_and_loads_nothing(fake: FakeOptimizer) -> None:
    bpo = BPORunnable(optimizer=fake).configurable_fields(rewrite=ConfigurableField(id="bpo_rewrite"))
    assert bpo.invoke(ASK) == REWRITE
    off = RunnableConfig(configurable={"bpo_rewrite": "never"})
    assert bpo.invoke(ASK, off) == ASK
    assert bpo.batch([ASK] * 3, off) == [ASK] * 3
    assert len(fake.calls) == 1


def test_options_are_passed_on() -> None:
    turns = iter("abcdefgh")
    fake = FakeOptimizer(lambda text: f"{text} Please explain ({next(turns)}).")
    BPORunnable(optimizer=fake, mode="aggressive").invoke(ASK)
    assert len(fake.calls[0]) == 4
    BPORunnable(optimizer=fake, candidates=2).invoke("tell me why")
    assert len(fake.calls[1]) == 2


def runs(step: Any, value: Any, **config: Any) -> list[Run]:
    """The root runs of one call."""
    collector = RunCollectorCallbackHandler()
    step.invoke(value, {"callbacks": [collector], **config})
    return collector.traced_runs


def test_there_is_one_run_per_input_with_the_prompt_before_and_after(bpo: BPORunnable, llm: BaseChatModel) -> None:
    (root,) = runs(bpo | llm, ASK, tags=["mine"], metadata={"user": 1})
    step, model = root.child_runs
    assert (step.name, step.run_type, step.parent_run_id) == ("BPORunnable", "chain", root.id)
    assert step.inputs == {"input": ASK}
    assert step.outputs == {"output": REWRITE}
    metadata = step.extra["metadata"]
    assert (metadata["user"], metadata["ls_provider"], metadata["ls_model_name"]) == (1, "bpo", "embedded")
    assert "bpo-model" in metadata["lc_versions"]
    assert model.extra["metadata"].get("ls_provider") != "bpo"
    assert step.child_runs == []


def test_a_batch_has_a_run_for_each_input(bpo: BPORunnable) -> None:
    collector = RunCollectorCallbackHandler()
    configs = [RunnableConfig(callbacks=[collector], run_name=f"step {number}") for number in range(3)]
    bpo.batch(["tell a", "tell b", "tell c"], configs)
    assert [run.name for run in collector.traced_runs] == ["step 0", "step 1", "step 2"]
    assert [run.inputs["input"] for run in collector.traced_runs] == ["tell a", "tell b", "tell c"]


def test_a_failure_is_an_error_of_its_run(bpo: BPORunnable) -> None:
    collector = RunCollectorCallbackHandler()
    with pytest.raises(TypeError):
        bpo.invoke(5, {"callbacks": [collector]})
    assert "Invalid input" in str(collector.traced_runs[0].error)


def test_the_callers_config_is_not_changed(bpo: BPORunnable) -> None:
    config: RunnableConfig = {"metadata": {"lc_versions": {"mine": "1"}}, "tags": ["a"]}
    before = copy.deepcopy(config)
    bpo.invoke(ASK, config)
    bpo.batch([ASK], config)
    assert config == before


async def test_an_event_gives_the_reason_without_the_text(bpo: BPORunnable, llm: BaseChatModel) -> None:
    events: list[Any] = [event async for event in (bpo | llm).astream_events(ASK, version="v2")]
    (own,) = [event for event in events if event["event"] == "on_custom_event"]
    assert own["name"] == "bpo_rewrite"
    assert (own["data"]["reason"], own["data"]["changed"]) == ("rewritten", True)
    assert "tea" not in json.dumps(own["data"])
    names = {event["name"] for event in events if event["event"].startswith(("on_llm", "on_chat_model"))}
    assert "BPORunnable" not in names


async def test_every_input_of_a_batch_has_its_event(bpo: BPORunnable) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    class Listener(BaseCallbackHandler):
        def __init__(self) -> None:
            self.reasons: list[str] = []

        def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
            self.reasons.append(data["reason"])

    listener = Listener()
    values = ["tell me", HumanMessage("why?", additional_kwargs={"bpo": 1}), "  "]
    bpo.batch(values, {"callbacks": [listener]})
    await bpo.abatch(values, {"callbacks": [listener]})
    assert listener.reasons == ["rewritten", "already_optimized", "blank"] * 2


def test_the_same_prompt_hits_the_models_cache(fake: FakeOptimizer, llm: Any) -> None:
    llm.cache = InMemoryCache()
    chain = BPORunnable(optimizer=fake) | llm
    first = chain.invoke([HumanMessage(ASK)])
    assert chain.invoke([HumanMessage(ASK)]).content == first.content
    assert len(llm.seen) == 1


def test_with_fallbacks_still_loses_the_parent_of_its_child_run(bpo: BPORunnable) -> None:
    """If this fails, upstream has mended it (issue 36072), and the README may say so."""
    collector = RunCollectorCallbackHandler()
    bpo.with_fallbacks([RunnablePassthrough()]).invoke(ASK, {"callbacks": [collector]})
    assert len(collector.traced_runs) == 2
