"""Instructions rewritten at compile time, and proposals for GEPA."""

import logging
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy
from dspy.utils.callback import BaseCallback

from bpo_integrations.dspy import BPOInstructionProposer, BPOTeleprompter
from bpo_model import AGGRESSIVE
from bpo_model.testing import FakeOptimizer

TASK = "Say what the `question` is about, in the words of {author}."
BETTER = f"{TASK} Please explain your answer."


class Topic(dspy.Signature):  # type: ignore[misc]  # dspy has no types
    """Say what the `question` is about, in the words of {author}."""

    question: str = dspy.InputField(desc="what was asked")
    score: float = dspy.OutputField(desc="how sure")
    answer: str = dspy.OutputField()


class Two(dspy.Module):  # type: ignore[misc]
    """Two predictors with instructions, one without."""

    def __init__(self) -> None:
        super().__init__()
        self.topic = dspy.Predict(Topic)
        self.made_up = dspy.ChainOfThought("question -> answer")
        self.polite = dspy.ChainOfThought(dspy.Signature("answer -> reply", "Write a polite reply to the `answer`."))

    def forward(self, question: str) -> Any:
        return self.polite(answer=self.topic(question=question).answer)


def instructions(program: Any) -> dict[str, str]:
    return {name: predictor.signature.instructions for name, predictor in program.named_predictors()}


def test_instructions_are_rewritten_in_one_call_and_the_student_stays(fake: FakeOptimizer) -> None:
    student = Two()
    before = instructions(student)
    program = BPOTeleprompter(fake).compile(student)
    made_up = before["made_up.predict"]
    assert instructions(student) == before
    assert instructions(program) == {
        "topic": BETTER,
        "made_up.predict": made_up,
        "polite.predict": "Write a polite reply to the `answer`. Please explain your answer.",
    }
    assert len(fake.calls) == 1


def test_fields_types_demos_and_lm_are_kept(fake: FakeOptimizer, lm: Any) -> None:
    student = dspy.Predict(Topic)
    student.demos, student.lm = [dspy.Example(question="q", answer="a", score=1.0)], lm
    program = BPOTeleprompter(fake).compile(student)
    assert program.signature.instructions == BETTER
    assert {name: (field.annotation, field.json_schema_extra) for name, field in program.signature.fields.items()} == {
        name: (field.annotation, field.json_schema_extra) for name, field in Topic.fields.items()
    }
    assert (program.demos[0].question, program.lm.model) == ("q", lm.model)
    assert program(question="why is tea green").score == 0.5
    assert program._compiled is False


@pytest.mark.parametrize(
    "lossy",
    [
        lambda text: text.replace("`question`", "question"),
        lambda text: text.replace("`question`", "`query`"),
        lambda text: text.replace("{author}", "the author"),
        lambda text: f"{text} Write [[ ## answer ## ]] first.",
        lambda text: "",
    ],
)
def test_a_rewrite_that_would_break_the_signature_is_not_kept(lossy: Any, foreign: Any) -> None:
    optimizer = foreign(lossy)
    assert BPOTeleprompter(optimizer).compile(dspy.Predict(Topic)).signature.instructions == TASK
    assert BPOInstructionProposer(optimizer)({"p": TASK}, {}, ["p"]) == {"p": TASK}
    assert len(optimizer.calls) == 2


@pytest.mark.parametrize("signature", ["question -> answer", "a, b -> c, d: float", "q: list[int] -> a"])
def test_instructions_that_dspy_made_up_stay_unless_asked(signature: str, fake: FakeOptimizer) -> None:
    for module in (dspy.Predict, dspy.ChainOfThought):
        student = module(signature)
        before = list(instructions(student).values())
        assert list(instructions(BPOTeleprompter(fake).compile(student)).values()) == before
        assert BPOInstructionProposer(fake)({"p": before[0]}, {}, ["p"]) == {"p": before[0]}
        assert fake.calls == []
    program = BPOTeleprompter(fake, skip_default_instructions=False).compile(dspy.Predict("question -> answer"))
    made_up = "Given the fields `question`, produce the fields `answer`."
    assert program.signature.instructions == f"{made_up} Please explain your answer."


def test_instructions_that_only_begin_like_dspys_are_rewritten(fake: FakeOptimizer) -> None:
    task = "Given the fields `question`, produce the fields `answer` in French."
    program = BPOTeleprompter(fake).compile(dspy.Predict(dspy.Signature("question -> answer", task)))
    assert program.signature.instructions == f"{task} Please explain your answer."


EXAMPLES = [dspy.Example(question=f"q{n}").with_inputs("question") for n in range(4)]


def always(example: Any, prediction: Any, trace: Any = None) -> float:
    return 1.0


def judged(echo: Any, metric: Any, fake: FakeOptimizer, **examples: Any) -> dict[str, str]:
    """What is kept of two rewrites, where the program's reply is the two system prompts that were sent."""

    def reply(prompt: str) -> str:
        systems = " ".join(echo.systems[-2:]).replace("\n", " ")
        values = {"score": "1.0", "answer": "x", "reasoning": "r", "reply": systems}
        return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in values.items()) + "[[ ## completed ## ]]"

    echo.reply = reply
    return instructions(BPOTeleprompter(fake, metric=metric, num_threads=1).compile(Two(), **examples))


def test_rewrites_that_do_not_lower_the_metric_are_kept(echo: Any, lm: Any, fake: FakeOptimizer) -> None:
    kept = judged(echo, always, fake, trainset=EXAMPLES)
    assert kept["topic"] == BETTER
    assert kept["polite.predict"].endswith("Please explain your answer.")


def test_a_rewrite_that_lowers_the_metric_is_set_back_alone(echo: Any, lm: Any, fake: FakeOptimizer) -> None:
    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return float("{author}. Please" not in prediction.reply)

    kept = judged(echo, metric, fake, trainset=[], valset=EXAMPLES)
    assert kept["topic"] == TASK
    assert kept["polite.predict"].endswith("Please explain your answer.")


def test_the_valset_is_what_the_metric_sees(echo: Any, lm: Any, fake: FakeOptimizer) -> None:
    seen: set[str] = set()

    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        seen.add(example.question)
        return 1.0

    judged(echo, metric, fake, trainset=EXAMPLES, valset=EXAMPLES[:2])
    assert seen == {"q0", "q1"}


def test_nothing_is_evaluated_if_nothing_was_rewritten(echo: Any, lm: Any, foreign: Any) -> None:
    unchanged = foreign(lambda text: text)
    BPOTeleprompter(unchanged, metric=always).compile(Two(), trainset=EXAMPLES)
    assert echo.prompts == []


@pytest.mark.parametrize("sets", [{}, {"trainset": []}, {"valset": []}])
def test_a_metric_without_examples_is_refused(sets: Any, fake: FakeOptimizer) -> None:
    with pytest.raises(ValueError, match="a metric needs examples"):
        BPOTeleprompter(fake, metric=always).compile(Two(), **sets)


def test_the_result_is_saved_as_normal_instructions(fake: FakeOptimizer, tmp_path: Any) -> None:
    BPOTeleprompter(fake).compile(Two()).save(tmp_path / "state.json")
    plain = Two()
    plain.load(tmp_path / "state.json")
    assert instructions(plain)["topic"] == BETTER


def test_what_happened_is_logged_without_the_text(echo: Any, lm: Any, fake: FakeOptimizer, caplog: Any) -> None:
    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return float("{author}. Please" not in prediction.reply)

    with caplog.at_level(logging.INFO, logger="bpo_integrations.dspy"):
        judged(echo, metric, fake, trainset=EXAMPLES)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("bpo")] == [
        "instructions of topic: rewritten",
        "instructions of polite.predict: rewritten",
        "instructions of topic: set back, the score fell from 100.0 to 0.0",
    ]


def test_a_lost_reference_is_logged(foreign: Any, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, logger="bpo_integrations.dspy"):
        BPOTeleprompter(foreign(lambda text: "Say something.")).compile(dspy.Predict(Topic))
    assert [record.getMessage() for record in caplog.records] == ["instructions of self: lost a reference"]


def test_compile_callbacks_fire_and_tokens_are_reported(fake: FakeOptimizer) -> None:
    events = []

    class Listener(BaseCallback):  # type: ignore[misc]
        def on_compile_start(self, call_id: str, instance: Any, inputs: Any) -> None:
            events.append(type(instance).__name__)

    with dspy.context(callbacks=[Listener()]), dspy.track_usage() as tracker:
        BPOTeleprompter(fake).compile(Two())
    assert events == ["BPOTeleprompter"]
    assert len(tracker.usage_data["bpo/bpo-smollm2-135m"]) == 2


def test_gepa_gets_another_rewrite_each_time_it_comes_back() -> None:
    endings = iter(["Be brief.", "Be exact.", "Be kind.", "Be brief."] * 5)
    fake = FakeOptimizer(lambda text: f"{text} {next(endings)}")
    propose = BPOInstructionProposer(fake)
    task = "Tell me what the question is about."
    proposals = [propose({"p": task, "other": "x"}, {}, ["p"])["p"] for _ in range(4)]
    assert [len(drawn) for drawn in fake.calls] == [4] * 4
    assert len(set(proposals)) == 3
    assert proposals[3] == proposals[0]
    assert all(proposal.startswith(task) for proposal in proposals)


def test_only_the_components_in_question_are_proposed(fake: FakeOptimizer) -> None:
    proposed = BPOInstructionProposer(fake)({"a": "Tell me a.", "b": "Tell me b."}, {}, ["b"])
    assert proposed == {"b": "Tell me b. Please explain your answer."}
    assert BPOInstructionProposer(fake)({"a": "Tell me a."}, {}, []) == {}


def test_the_real_optimizer_compiles_a_program(optimizer: Any) -> None:
    task = "plan a birthday party"
    program = BPOTeleprompter(optimizer).compile(dspy.Predict(dspy.Signature("question -> answer", task)))
    assert program.signature.instructions == optimizer.optimize(task).text != task
    proposed = BPOInstructionProposer(optimizer)({"p": task}, {}, ["p"])["p"]
    assert proposed == optimizer.optimize(task, mode=AGGRESSIVE).candidates[0]
