"""What is rewritten, what stays, and what a wrapped program gets."""

import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy

from bpo_integrations.dspy import BPO, BPORewrite
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


class QA(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """A program with one predictor called p."""

    def __init__(self) -> None:
        super().__init__()
        self.p = dspy.Predict("question, context -> answer")

    def forward(self, question: Any, context: Any = "none") -> Any:
        return self.p(question=question, context=context)


def test_a_text_is_rewritten_and_the_original_kept(fake: FakeOptimizer) -> None:
    done = BPORewrite(fake)(prompt=ASK)
    assert isinstance(done, dspy.Prediction)
    assert (done.optimized_prompt, done.original_prompt, done.reason) == (REWRITE, ASK, "rewritten")
    assert BPORewrite(fake)(ASK).optimized_prompt == REWRITE


def test_several_texts_are_one_call_of_the_optimizer(fake: FakeOptimizer) -> None:
    done = BPORewrite(fake)(prompt={"a": "tell me a", "b": 5, "c": "tell me c"})
    assert done.optimized_prompt == {
        "a": "tell me a Please explain your answer.",
        "b": 5,
        "c": "tell me c Please explain your answer.",
    }
    assert done.original_prompt == {"a": "tell me a", "b": 5, "c": "tell me c"}
    assert done.reason == {"a": "rewritten", "b": None, "c": "rewritten"}
    assert fake.calls == [["tell me a", "tell me c"]]


@pytest.mark.parametrize(
    "value", ["", "  \n", None, 5, 1.5, True, ["tell me"], {}, b"tell me", dspy.History(messages=[])]
)
def test_what_is_no_text_stays_and_costs_no_call(value: Any, foreign: Any) -> None:
    optimizer = foreign(lambda text: f"please {text}")
    done = BPORewrite(optimizer)(prompt=value)
    seen = Recorder()
    BPO(seen, optimizer, fields="question")(question=value)
    assert done.optimized_prompt is value or done.optimized_prompt == value == {}
    assert seen.inputs[0]["question"] is value
    assert optimizer.calls == []


class Recorder(dspy.Module):  # type: ignore[misc]
    """Keeps what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[dict[str, Any]] = []

    def forward(self, **inputs: Any) -> Any:
        self.inputs.append(inputs)
        return dspy.Prediction(**inputs)


def test_only_the_chosen_field_changes(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    context = "[[ ## context ## ]] ünïcödé {x} 茶 {{y}}"
    out = BPO(QA(), fake, fields=["question"])(question=ASK, context=context)
    assert out.answer == REWRITE
    assert echo.prompts[0].startswith(f"[[ ## question ## ]]\n{REWRITE}\n\n[[ ## context ## ]]\n{context}\n\n")
    assert fake.calls == [[ASK]]


def test_typed_outputs_are_parsed(fake: FakeOptimizer, lm: Any) -> None:
    out = BPO(dspy.Predict("question -> answer, score: float"), fake, fields="question")(question=ASK)
    assert isinstance(out, dspy.Prediction)
    assert (out.answer, out.score) == (REWRITE, 0.5)


def test_a_chain_of_thought_gets_the_rewrite(fake: FakeOptimizer, lm: Any) -> None:
    out = BPO(dspy.ChainOfThought("question -> answer"), fake, fields="question")(question=ASK)
    assert (out.reasoning, out.answer) == (REWRITE, REWRITE)


def test_several_fields_are_one_call_with_one_deadline(fake: FakeOptimizer) -> None:
    seen = Recorder()
    BPO(seen, fake, fields=["a", "b"])(a="tell me a", b="tell me b", c="tell me c")
    assert seen.inputs == [
        {"a": "tell me a Please explain your answer.", "b": "tell me b Please explain your answer.", "c": "tell me c"}
    ]
    assert fake.calls == [["tell me a", "tell me b"]]


def test_a_field_that_is_not_given_is_not_missed(fake: FakeOptimizer) -> None:
    seen = Recorder()
    BPO(seen, fake, fields=["question", "hint"])(question=ASK)
    assert seen.inputs == [{"question": REWRITE}]


def test_the_original_is_kept_where_asked(fake: FakeOptimizer) -> None:
    seen = Recorder()
    bpo = BPO(seen, fake, fields="question", keep_original="asked")
    bpo(question=ASK)
    bpo(question="")
    bpo(question=ASK, asked="what the caller says")
    assert seen.inputs == [
        {"question": REWRITE, "asked": ASK},
        {"question": "", "asked": ""},
        {"question": REWRITE, "asked": "what the caller says"},
    ]


def test_the_callers_inputs_are_not_changed(fake: FakeOptimizer) -> None:
    example = dspy.Example(question=ASK, answer="a").with_inputs("question")
    BPO(Recorder(), fake, fields="question")(**example.inputs())
    assert example.question == ASK


def test_a_predictors_own_arguments_pass_through(fake: FakeOptimizer, make_lm: Any, lm: Any, echo: Any) -> None:
    other = type(echo)()
    demos = [dspy.Example(question="raw demo", answer="a").with_inputs("question")]
    BPO(dspy.Predict("question -> answer"), fake, fields="question")(question=ASK, lm=make_lm(other), demos=demos)
    assert (len(other.prompts), echo.prompts) == (1, [])


def test_a_follow_up_is_left_alone_after_turns_only(fake: FakeOptimizer) -> None:
    seen = Recorder()
    bpo = BPO(seen, fake, fields="question", rewrite="auto")
    turns = dspy.History(messages=[{"question": ASK, "answer": "It is a drink."}])
    question = "tell me where they grow that plant"
    bpo(question=question, history=turns)
    bpo(question=question, history=dspy.History(messages=[]))
    bpo(question="describe how green tea is grown in Japan", history=turns)
    assert [values["question"] for values in seen.inputs] == [
        question,
        f"{question} Please explain your answer.",
        "describe how green tea is grown in Japan Please explain your answer.",
    ]


def test_options_reach_the_optimizer(fake: FakeOptimizer) -> None:
    done = BPORewrite(fake, rewrite="never")(prompt=ASK)
    assert (done.optimized_prompt, done.reason, fake.calls) == (ASK, "switched_off", [])


class Explicit(dspy.Module):  # type: ignore[misc]
    """Names its inputs."""

    def forward(self, question: str, asked: str = "") -> Any:
        return dspy.Prediction(answer=question, asked=asked)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"program": print, "fields": "question"}, TypeError, "program must be a dspy.Module, got builtin_function"),
        ({"program": Explicit(), "fields": []}, ValueError, "fields must name at least one input field"),
        ({"program": Explicit(), "fields": ""}, ValueError, "fields must name at least one input field"),
        ({"program": Explicit(), "fields": "qestion"}, ValueError, "no input qestion; Explicit takes asked, question"),
        ({"program": dspy.Predict("q -> a"), "fields": "x"}, ValueError, "no input x; Predict takes q"),
        (
            {"program": dspy.ChainOfThought("q -> a"), "fields": ["q", "x"]},
            ValueError,
            "no input x; ChainOfThought takes q",
        ),
        ({"program": Explicit(), "fields": "question", "keep_original": "x"}, ValueError, "no input x"),
        ({"program": Explicit(), "fields": ["question", "asked"], "keep_original": "x"}, ValueError, "goes with one"),
        ({"program": Explicit(), "fields": "question", "optimizer": 5}, TypeError, "optimizer must be"),
        ({"program": Explicit(), "fields": "question", "deadline_ms": 0}, ValueError, "deadline_ms must be > 0"),
        ({"program": Explicit(), "fields": "question", "on_error": "x"}, ValueError, "on_error must be one of"),
    ],
)
def test_a_mistake_is_refused_when_it_is_made(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        BPO(**arguments)


def test_programs_that_take_anything_are_trusted(fake: FakeOptimizer) -> None:
    inner = BPO(Explicit(), fake, fields="question")
    assert BPO(inner, fake, fields="asked")(question="", asked="tell me b").asked.startswith("tell me b Please")


def test_a_thousand_constructions_load_nothing() -> None:
    program = Explicit()
    wrapped = [BPO(program, "hf:nobody/nothing", fields="question") for _ in range(1000)]
    assert wrapped[0](question="").answer == ""


def test_without_dspy_the_remedy_is_named() -> None:
    code = "import sys; sys.modules['dspy'] = None; import bpo_integrations.dspy"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    message = 'bpo_integrations.dspy needs dspy. Install it with: pip install "bpo-model[dspy]"'
    assert done.stderr.splitlines()[-1] == f"bpo_model.errors.MissingDependencyError: {message}"
