"""The adapter: requests are rewritten, traces and programs are not, and DSPy does not notice."""

import copy
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy
from dspy.utils.callback import BaseCallback

from bpo_integrations.dspy import BPO, bpo_adapter
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."
ADAPTERS = [dspy.ChatAdapter, dspy.JSONAdapter, dspy.XMLAdapter]


def test_the_request_is_rewritten_and_the_trace_is_raw(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    with dspy.context(adapter=bpo_adapter(fake, "question"), trace=[]):
        out = dspy.Predict("question, context -> answer")(question=ASK, context=ASK)
        ((_, inputs, _),) = dspy.settings.trace
    assert out.answer == REWRITE
    assert inputs == {"question": ASK, "context": ASK}
    assert echo.prompts[0].startswith(f"[[ ## question ## ]]\n{REWRITE}\n\n[[ ## context ## ]]\n{ASK}\n\n")


def test_predictors_without_the_field_are_not_touched(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        assert dspy.Predict("topic -> answer")(topic=ASK).answer == ASK
    assert fake.calls == []


def test_several_fields_are_one_call_of_the_optimizer(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(adapter=bpo_adapter(fake, ["question", "topic"])):
        dspy.Predict("question, topic, n -> answer")(question="tell me a", topic="tell me b", n="tell me c")
    assert fake.calls == [["tell me a", "tell me b"]]


@pytest.mark.parametrize("value", ["", None, 5, ["tell me"]])
def test_what_is_no_text_stays(value: Any, fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        dspy.Predict("question: Any -> answer")(question=value)
    assert fake.calls == []


@pytest.mark.parametrize("base", ADAPTERS)
def test_it_is_an_adapter_of_its_base_with_the_bases_name(base: Any, fake: FakeOptimizer) -> None:
    adapter = bpo_adapter(fake, "question", base)
    assert isinstance(adapter, base)
    assert type(adapter).__name__ == base.__name__
    assert vars(adapter).keys() == vars(base()).keys()


@pytest.mark.parametrize("base", ADAPTERS)
def test_all_but_the_field_is_what_the_base_sends(base: Any, fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    class Typed(dspy.Signature):  # type: ignore[misc]  # dspy has no types
        """Rate the text."""

        question: str = dspy.InputField()
        limit: int = dspy.InputField()
        answer: str = dspy.OutputField()

    for adapter, question in ((base(), REWRITE), (bpo_adapter(fake, "question", base), ASK)):
        with dspy.context(adapter=adapter), pytest.MonkeyPatch.context() as patch:
            patch.setattr(echo, "reply", lambda prompt: replies(base))
            assert dspy.Predict(Typed)(question=question, limit=3).answer == "a"
    assert echo.prompts[0] == echo.prompts[1]
    assert echo.systems[0] == echo.systems[1]


def replies(base: Any) -> str:
    """An answer in an adapter's format."""
    return {
        dspy.ChatAdapter: "[[ ## answer ## ]]\na\n\n[[ ## completed ## ]]",
        dspy.JSONAdapter: '{"answer": "a"}',
        dspy.XMLAdapter: "<answer>a</answer>",
    }[base]


def test_an_adapter_with_settings_of_its_own_can_be_the_base(fake: FakeOptimizer) -> None:
    base = dspy.ChatAdapter(use_json_adapter_fallback=False)
    adapter = bpo_adapter(fake, "question", base)
    assert adapter.use_json_adapter_fallback is False
    assert type(base) is dspy.ChatAdapter


def test_falling_back_to_json_does_not_rewrite_again(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    answers = iter(["nonsense", '{"answer": "a"}'])
    echo.reply = lambda prompt: next(answers)
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        assert dspy.Predict("question -> answer")(question=ASK).answer == "a"
    assert fake.calls == [[ASK]]
    assert [REWRITE in prompt for prompt in echo.prompts] == [True, True]


async def test_falling_back_to_json_does_not_rewrite_again_in_acall(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    answers = iter(["nonsense", '{"answer": "a"}'])
    echo.reply = lambda prompt: next(answers)
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        assert (await dspy.Predict("question -> answer").acall(question=ASK)).answer == "a"
    assert fake.calls == [[ASK]]


def test_refine_gives_its_advice_to_the_rewriting_adapter(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    advice = '[[ ## discussion ## ]]\nd\n\n[[ ## advice ## ]]\n{"self": "be brief"}\n\n[[ ## completed ## ]]'
    echo.reply = lambda prompt: (
        advice if "program_code" in prompt else "[[ ## answer ## ]]\nlong\n\n[[ ## completed ## ]]"
    )

    def reward(arguments: dict[str, Any], prediction: Any) -> float:
        return 0.0

    with dspy.context(adapter=bpo_adapter(fake, "question")):
        refine = dspy.Refine(dspy.Predict("question -> answer"), N=2, reward_fn=reward, threshold=1.0)
        assert refine(question=ASK).answer == "long"
    hinted = [prompt for prompt in echo.prompts if "[[ ## hint_ ## ]]" in prompt]
    assert len(hinted) == 1
    assert REWRITE in hinted[0]


class Listener(BaseCallback):  # type: ignore[misc]
    """Counts what adapters do."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_adapter_format_start(self, call_id: str, instance: Any, inputs: Any) -> None:
        self.events.append("format")

    def on_adapter_parse_start(self, call_id: str, instance: Any, inputs: Any) -> None:
        self.events.append("parse")


@pytest.mark.parametrize("base", ADAPTERS)
def test_callbacks_fire_as_often_as_with_the_base(base: Any, fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    echo.reply = lambda prompt: replies(base)
    events = []
    for adapter in (base(), bpo_adapter(fake, "question", base)):
        listener = Listener()
        with dspy.context(adapter=adapter, callbacks=[listener]):
            dspy.Predict("question -> answer")(question=ASK)
        events.append(listener.events)
    assert events[0] == events[1] != []


def test_tokens_are_reported(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(adapter=bpo_adapter(fake, "question"), track_usage=True):
        used = dspy.Predict("question -> answer")(question=ASK).get_lm_usage()
    assert set(used) == {"bpo/bpo-smollm2-135m", "test/echo"}


def test_cached_answers_are_not_shared_with_the_base(fake: FakeOptimizer, make_lm: Any, echo: Any) -> None:
    predict, question = dspy.Predict("question -> answer"), "tell me about the adapters cache"
    with dspy.context(lm=make_lm(echo, cache=True)):
        assert predict(question=question).answer == question
        with dspy.context(adapter=bpo_adapter(fake, "question")):
            assert predict(question=question).answer == f"{question} Please explain your answer."
        assert predict(question=question).answer == question
    assert len(echo.prompts) == 2


def test_bootstrapped_demos_hold_the_users_words(fake: FakeOptimizer, lm: Any) -> None:
    examples = [dspy.Example(question=f"tell me about {n}", answer="a").with_inputs("question") for n in range(3)]
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        compiled = dspy.BootstrapFewShot(metric=None, max_bootstrapped_demos=2, max_labeled_demos=0).compile(
            dspy.Predict("question -> answer"), trainset=examples
        )
    assert [demo["question"] for demo in compiled.demos] == ["tell me about 0", "tell me about 1"]


def test_adapters_can_be_stacked_and_wrappers_put_on_top(fake: FakeOptimizer, foreign: Any, lm: Any) -> None:
    both = bpo_adapter(foreign(lambda text: f"please {text}"), "topic", bpo_adapter(fake, "question"))
    with dspy.context(adapter=both):
        predict = dspy.Predict("question, topic -> answer, topic_seen")
        predict(question="tell me a", topic="tell me b")
        assert BPO(predict, fake, fields="question", rewrite="never")(question=ASK, topic="").answer == REWRITE
    assert fake.calls == [["tell me a"], [ASK]]


def test_copies_and_pickles_rewrite(fake: FakeOptimizer, lm: Any) -> None:
    cloudpickle: Any = pytest.importorskip("cloudpickle")  # comes with dspy, has no types
    adapter = bpo_adapter(fake, "question")
    for other in (copy.copy(adapter), copy.deepcopy(adapter), cloudpickle.loads(cloudpickle.dumps(adapter))):
        with dspy.context(adapter=other):
            assert dspy.Predict("question -> answer")(question=ASK).answer == REWRITE


def test_turns_before_are_seen(fake: FakeOptimizer, lm: Any) -> None:
    turns = dspy.History(messages=[{"question": ASK, "answer": "It is a drink."}])
    with dspy.context(adapter=bpo_adapter(fake, "question", rewrite="auto")):
        predict = dspy.Predict("question, history: dspy.History -> answer")
        predict(question="tell me where they grow that plant", history=turns)
    assert fake.calls == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "fields must name at least one"),
        ({"fields": "question", "base": dict}, TypeError, "base must be a dspy.Adapter, got dict"),
        ({"fields": "question", "optimizer": 5}, TypeError, "optimizer must be"),
        ({"fields": "question", "deadline_ms": -1}, ValueError, "deadline_ms"),
    ],
)
def test_a_mistake_is_refused_when_it_is_made(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bpo_adapter(**arguments)
