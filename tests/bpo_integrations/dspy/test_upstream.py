"""What DSPy does that this package works around; a test that fails here says that a workaround can go."""

import copy
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy
from dspy.utils.callback import BaseCallback

from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"


async def test_a_stream_listener_looks_adapters_up_by_class_name(lm: Any) -> None:
    """Why bpo_adapter's class has the name of its base: stanfordnlp/dspy issue 8629."""

    class Renamed(dspy.ChatAdapter):  # type: ignore[misc]  # dspy has no types
        pass

    program = dspy.streamify(
        dspy.Predict("question -> answer"),
        stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")],
        is_async_program=True,  # else the failure leaves DSPy's worker thread talking to a loop that is gone
    )
    with dspy.context(adapter=Renamed()), pytest.raises(ValueError, match="Unsupported adapter for streaming: Renamed"):
        [chunk async for chunk in program(question=ASK)]


async def test_acall_does_not_fall_back_to_forward(lm: Any) -> None:
    """Why BPO runs programs without aforward in a thread."""

    class SyncOnly(dspy.Module):  # type: ignore[misc]
        def forward(self, question: str) -> Any:
            return dspy.Prediction(answer=question)

    with pytest.raises(AttributeError, match="aforward"):
        await SyncOnly().acall(question=ASK)


def test_a_compiled_submodule_hides_its_predictors(tmp_path: Any) -> None:
    """Why BPO lists the parameters itself."""

    class Plain(dspy.Module):  # type: ignore[misc]
        def __init__(self, program: Any) -> None:
            super().__init__()
            self.program = program

    compiled = dspy.ChainOfThought("question -> answer")
    compiled._compiled = True
    assert Plain(compiled).dump_state() == {}


def test_the_answer_cache_does_not_know_the_engine(echo: Any, make_lm: Any) -> None:
    """Why nothing here rewrites below the LM: the same model name would answer from the other's cache."""
    other = type(echo)(lambda prompt: "another answer")
    prompt = "tell me about engines"
    assert make_lm(echo, cache=True)(prompt) == make_lm(other, cache=True)(prompt)
    assert other.prompts == []


def test_refine_makes_the_adapters_class_without_arguments(lm: Any, echo: Any, capsys: Any) -> None:
    """Why bpo_adapter's class has the constructor of its base."""

    class NeedsOptimizer(dspy.ChatAdapter):  # type: ignore[misc]
        def __init__(self, optimizer: Any) -> None:
            super().__init__()

    advice = '[[ ## discussion ## ]]\nd\n\n[[ ## advice ## ]]\n{"self": "be brief"}\n\n[[ ## completed ## ]]'
    echo.reply = lambda prompt: advice if "program_code" in prompt else "[[ ## answer ## ]]\nx\n\n[[ ## completed ## ]]"

    def reward(arguments: dict[str, Any], prediction: Any) -> float:
        return 0.0

    with dspy.context(adapter=NeedsOptimizer(1)):
        dspy.Refine(dspy.Predict("question -> answer"), N=2, reward_fn=reward, threshold=1.0)(question=ASK)
    assert "missing 1 required positional argument: 'optimizer'" in capsys.readouterr().out


def test_every_subclass_of_an_adapter_doubles_its_callbacks(lm: Any) -> None:
    """Why bpo_adapter takes `format` and `parse` off its class again."""

    class Sub(dspy.ChatAdapter):  # type: ignore[misc]
        pass

    class Listener(BaseCallback):  # type: ignore[misc]
        count = 0

        def on_adapter_format_start(self, call_id: str, instance: Any, inputs: Any) -> None:
            self.count += 1

    counts = []
    for adapter in (dspy.ChatAdapter(), Sub()):
        listener = Listener()
        with dspy.context(adapter=adapter, callbacks=[listener]):
            dspy.Predict("question -> answer")(question=ASK)
        counts.append(listener.count)
    assert counts == [1, 2]


def test_lone_surrogates_raise_in_the_lm(lm: Any) -> None:
    """Why a rewrite with one of them does not go out."""
    with pytest.raises(ValueError, match="lone surrogate"):
        dspy.Predict("question -> answer")(question="tell me \ud800")


def test_a_parameter_that_is_no_predictor_breaks_get_lm(lm: Any) -> None:
    """Why BPORewrite is no Parameter."""

    class Step(dspy.Module, dspy.predict.parameter.Parameter):  # type: ignore[misc]
        lm = None

    class Program(dspy.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.step = Step()
            self.p = dspy.Predict("question -> answer")

    program = Program()
    program.p.lm = lm
    with pytest.raises(ValueError, match="Multiple LMs"):
        program.get_lm()


def test_what_cannot_be_copied_is_shared_only_by_luck() -> None:
    """Why optimizers copy by reference: DSPy falls back to a shallow copy of each attribute."""

    class Locked:
        def __deepcopy__(self, memo: dict[int, object]) -> "Locked":
            raise TypeError("cannot pickle '_thread.lock' object")

    class Program(dspy.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = Locked()

    program = Program()
    assert program.deepcopy().model is not program.model
    fake = FakeOptimizer()
    assert copy.deepcopy(fake) is fake


def test_retrieve_cannot_be_saved_by_anybody() -> None:
    """A program with dspy.Retrieve has no state to save, wrapped or not."""

    class Rag(dspy.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.retrieve = dspy.Retrieve(k=1)

    with pytest.raises(TypeError, match="json_mode"):
        Rag().dump_state()
