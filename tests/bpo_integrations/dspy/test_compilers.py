"""DSPy's own optimizers compile wrapped programs, and do not copy or lose the prompt optimizer."""

from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy

from bpo_integrations.dspy import BPO, BPOInstructionProposer, BPOTeleprompter
from bpo_model.testing import FakeOptimizer

TASK = "Tell me what the question is about."
EXAMPLES = [
    dspy.Example(question=f"tell me about {n}", answer=f"tell me about {n} Please explain your answer.").with_inputs(
        "question"
    )
    for n in range(8)
]


class QA(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """A program with one predictor called p."""

    def __init__(self) -> None:
        super().__init__()
        self.p = dspy.Predict(dspy.Signature("question -> answer", TASK))

    def forward(self, question: str) -> Any:
        return self.p(question=question)


def exact(example: Any, prediction: Any, trace: Any = None, name: Any = None, pred_trace: Any = None) -> float:
    """Whether the answer is the expected one."""
    return float(example.answer == prediction.answer)


def check(compiled: Any, optimizer: Any) -> None:
    """It is a wrapped program with the same optimizer, and it works."""
    assert isinstance(compiled, BPO)
    assert compiled.rewrite.optimizer is optimizer
    assert compiled(question="tell me more").answer == "tell me more Please explain your answer."


def test_bootstrapping_compiles_and_its_demos_hold_rewrites(fake: FakeOptimizer, lm: Any) -> None:
    student = BPO(QA(), fake, fields="question")
    compiled = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2, max_labeled_demos=0).compile(
        student, trainset=EXAMPLES
    )
    check(compiled, fake)
    assert [demo["question"] for demo in compiled.program.p.demos] == [example.answer for example in EXAMPLES[:2]]


def test_the_original_can_be_part_of_the_demos(fake: FakeOptimizer, lm: Any) -> None:
    student = BPO(dspy.Predict("question, asked -> answer"), fake, fields="question", keep_original="asked")
    compiled = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1, max_labeled_demos=0).compile(
        student, trainset=EXAMPLES
    )
    (demo,) = compiled.program.demos
    assert (demo["asked"], demo["question"]) == (EXAMPLES[0].question, EXAMPLES[0].answer)


def test_random_search_compiles(fake: FakeOptimizer, lm: Any) -> None:
    search = dspy.BootstrapFewShotWithRandomSearch(
        metric=exact, num_candidate_programs=2, max_bootstrapped_demos=1, max_labeled_demos=1, num_threads=2
    )
    check(search.compile(BPO(QA(), fake, fields="question"), trainset=EXAMPLES[:4], valset=EXAMPLES[4:]), fake)


def test_gepa_compiles_with_rewrites_as_proposals(fake: FakeOptimizer, lm: Any) -> None:
    proposed: list[dict[str, str]] = []
    propose = BPOInstructionProposer(fake)

    def spy(candidate: Any, reflective_dataset: Any, components_to_update: Any) -> dict[str, str]:
        proposed.append(propose(candidate, reflective_dataset, components_to_update))
        return proposed[-1]

    def never_perfect(
        example: Any, prediction: Any, trace: Any = None, name: Any = None, pred_trace: Any = None
    ) -> Any:
        return dspy.Prediction(score=0.5, feedback="more")

    gepa = dspy.GEPA(
        metric=never_perfect, max_metric_calls=20, instruction_proposer=spy, reflection_lm=lm, num_threads=1
    )
    compiled = gepa.compile(BPO(QA(), fake, fields="question"), trainset=EXAMPLES[:4], valset=EXAMPLES[4:])
    check(compiled, fake)
    assert len(proposed) > 0
    assert proposed[0] == {"program.p": f"{TASK} Please explain your answer."}


def test_gepa_takes_a_proposal_that_scores_better(fake: FakeOptimizer, lm: Any, echo: Any) -> None:
    def reply(prompt: str) -> str:
        good = "Please explain your answer." in echo.systems[-1]
        return f"[[ ## answer ## ]]\n{'right' if good else 'wrong'}\n\n[[ ## completed ## ]]"

    def right(example: Any, prediction: Any, trace: Any = None, name: Any = None, pred_trace: Any = None) -> Any:
        return dspy.Prediction(score=float(prediction.answer == "right"), feedback="say right")

    echo.reply = reply
    gepa = dspy.GEPA(
        metric=right, max_metric_calls=30, instruction_proposer=BPOInstructionProposer(fake), num_threads=1
    )
    compiled = gepa.compile(QA(), trainset=EXAMPLES[:4], valset=EXAMPLES[4:])
    assert compiled.p.signature.instructions == f"{TASK} Please explain your answer."


def test_copro_compiles(fake: FakeOptimizer, lm: Any, echo: Any, make_lm: Any) -> None:
    proposing = type(echo)(
        lambda prompt: (
            "[[ ## proposed_instruction ## ]]\nAnswer well.\n\n"
            "[[ ## proposed_prefix_for_output_field ## ]]\nAnswer:\n\n[[ ## completed ## ]]"
        )
    )
    copro = dspy.COPRO(metric=exact, prompt_model=make_lm(proposing), breadth=2, depth=1)
    compiled = copro.compile(
        BPO(QA(), fake, fields="question"),
        trainset=EXAMPLES[:3],
        eval_kwargs={"num_threads": 1, "display_progress": False},
    )
    check(compiled, fake)


def test_simba_compiles(fake: FakeOptimizer, lm: Any) -> None:
    simba = dspy.SIMBA(metric=exact, bsize=4, num_candidates=2, max_steps=1, max_demos=1, num_threads=2)
    check(simba.compile(BPO(QA(), fake, fields="question"), trainset=EXAMPLES), fake)


def test_mipro_compiles(fake: FakeOptimizer, lm: Any, echo: Any, make_lm: Any) -> None:
    pytest.importorskip("optuna")
    asked: list[str] = []

    def reply(prompt: str) -> str:
        asked.append(prompt)
        fields = ["observations", "summary", "program_description", "module_description", "proposed_instruction"]
        return "".join(f"[[ ## {name} ## ]]\nAnswer well.\n\n" for name in fields) + "[[ ## completed ## ]]"

    mipro = dspy.MIPROv2(
        metric=exact, prompt_model=make_lm(type(echo)(reply)), task_model=lm, auto=None, num_candidates=2,
        max_bootstrapped_demos=1, max_labeled_demos=1, num_threads=2, verbose=False,
    )  # fmt: skip
    compiled = mipro.compile(
        BPO(QA(), fake, fields="question"), trainset=EXAMPLES[:4], valset=EXAMPLES[4:], num_trials=2, minibatch=False
    )
    check(compiled, fake)
    assert any("class BPO(dspy.Module)" in prompt for prompt in asked)


def test_a_rewritten_program_can_be_compiled_further(fake: FakeOptimizer, lm: Any) -> None:
    rewritten = BPOTeleprompter(fake).compile(BPO(QA(), fake, fields="question"))
    compiled = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1).compile(rewritten, trainset=EXAMPLES)
    check(compiled, fake)
    assert compiled.program.p.signature.instructions == f"{TASK} Please explain your answer."


def test_better_together_takes_it_as_a_step(fake: FakeOptimizer, lm: Any) -> None:
    student = BPO(QA(), fake, fields="question")
    student.set_lm(lm)
    together = dspy.BetterTogether(metric=exact, p=BPOTeleprompter(fake), d=dspy.BootstrapFewShot(metric=exact))
    compiled = together.compile(student, trainset=EXAMPLES[:4], valset=EXAMPLES[4:], strategy="p -> d")
    check(compiled, fake)
    assert compiled.flag_compilation_error_occurred is False


def test_an_evaluation_counts_no_errors(fake: FakeOptimizer, raising: Any, lm: Any) -> None:
    evaluate = dspy.Evaluate(devset=EXAMPLES, metric=exact, num_threads=4, max_errors=1)
    assert evaluate(BPO(QA(), fake, fields="question")).score == 100.0
    assert evaluate(BPO(QA(), raising, fields="question")).score == 0.0
