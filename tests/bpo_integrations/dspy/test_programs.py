"""A wrapped program is still a DSPy program: parameters, copies, files, traces, threads, usage."""

import copy
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy
from dspy.utils.callback import BaseCallback

from bpo_integrations.dspy import BPO, BPORewrite
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


class QA(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """A program with one predictor called p."""

    def __init__(self) -> None:
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    def forward(self, question: str) -> Any:
        return self.p(question=question)


class Outer(dspy.Module):  # type: ignore[misc]
    """A program with a wrapped one in it, and a rewriting step of its own."""

    def __init__(self, optimizer: Any) -> None:
        super().__init__()
        self.qa = BPO(QA(), optimizer, fields="question")
        self.rewrite = BPORewrite(optimizer)
        self.check = dspy.Predict("answer -> ok")

    def forward(self, question: str) -> Any:
        return self.check(answer=self.rewrite(prompt=self.qa(question=question).answer).original_prompt)


@pytest.fixture
def program(fake: FakeOptimizer) -> BPO:
    return BPO(QA(), fake, fields="question")


def test_the_parameters_are_the_programs(program: BPO, fake: FakeOptimizer) -> None:
    assert [name for name, _ in program.named_predictors()] == list(program.dump_state()) == ["program.p"]
    bare = BPO(dspy.Predict("question -> answer"), fake, fields="question")
    assert [name for name, _ in bare.named_predictors()] == list(bare.dump_state()) == ["program"]
    assert [name for name, _ in Outer(fake).named_predictors()] == ["qa.program.p", "check"]
    assert BPORewrite(fake).named_parameters() == []


def test_the_lm_can_be_set_and_read(program: BPO, lm: Any) -> None:
    program.set_lm(lm)
    assert program.get_lm() is lm
    assert program.program.p.lm is lm


def test_predictors_can_be_mapped(program: BPO) -> None:
    replacement = dspy.Predict("question -> answer")
    program.map_named_predictors(lambda predictor: replacement)
    assert program.program.p is replacement


def test_a_compiled_program_stays_visible_in_its_wrapper(fake: FakeOptimizer, tmp_path: Path) -> None:
    compiled = QA()
    compiled.p.demos = [dspy.Example(question="q", answer="a")]
    compiled._compiled = True
    wrapped = BPO(compiled, fake, fields="question")
    wrapped.save(tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text())["program.p"]["demos"] == [{"question": "q", "answer": "a"}]
    assert wrapped._compiled is True


@pytest.mark.parametrize("copied", [lambda m: m.deepcopy(), lambda m: m.reset_copy(), copy.deepcopy, copy.copy])
def test_copies_share_the_optimizer(copied: Any, program: BPO, fake: FakeOptimizer, lm: Any) -> None:
    other = copied(program)
    assert other.rewrite.optimizer is fake
    assert other(question=ASK).answer == REWRITE


def test_a_copy_has_predictors_of_its_own(program: BPO) -> None:
    assert program.deepcopy().program.p is not program.program.p


def test_the_state_goes_through_json(program: BPO, fake: FakeOptimizer, lm: Any, tmp_path: Path) -> None:
    program.program.p.demos = [dspy.Example(question="saved", answer="demo")]
    program.save(tmp_path / "state.json")
    other = BPO(QA(), fake, fields="question")
    other.load(tmp_path / "state.json")
    assert other.program.p.demos[0]["question"] == "saved"
    assert other(question=ASK).answer == REWRITE


def test_the_state_of_the_bare_program_can_be_loaded(program: BPO, tmp_path: Path) -> None:
    bare = QA()
    bare.p.demos = [dspy.Example(question="saved", answer="demo")]
    bare.save(tmp_path / "state.json")
    program.program.load(tmp_path / "state.json")
    assert program.program.p.demos[0]["question"] == "saved"


@pytest.mark.parametrize("used", [False, True])
def test_the_whole_program_can_be_saved(used: bool, program: BPO, lm: Any, tmp_path: Path) -> None:
    if used:
        program(question=ASK)
    program.save(tmp_path / "whole", save_program=True)
    loaded = dspy.load(str(tmp_path / "whole"), allow_pickle=True)
    assert loaded(question=ASK).answer == REWRITE


def test_a_saved_program_holds_the_specification_of_the_real_optimizer(optimizer: Any, tmp_path: Path) -> None:
    program = BPO(dspy.Predict("question -> answer"), optimizer, fields="question")
    program.save(tmp_path / "whole", save_program=True)
    assert (tmp_path / "whole" / "program.pkl").stat().st_size < 100_000
    loaded = dspy.load(str(tmp_path / "whole"), allow_pickle=True)
    assert loaded.rewrite.optimizer.engine is optimizer.engine


def test_the_trace_holds_predictors_only(program: BPO, lm: Any) -> None:
    with dspy.context(trace=[]):
        program(question=ASK)
        trace = dspy.settings.trace
    assert [type(predictor).__name__ for predictor, _, _ in trace] == ["Predict"]
    assert trace[0][1] == {"question": REWRITE}


def test_a_batch_in_threads_answers_each_its_own(program: BPO, lm: Any) -> None:
    examples = [dspy.Example(question=f"tell me about {n}").with_inputs("question") for n in range(20)]
    outs = program.batch(examples, num_threads=8, disable_progress_bar=True)
    assert [out.answer for out in outs] == [f"tell me about {n} Please explain your answer." for n in range(20)]


def test_parallel_runs_wrapped_programs(program: BPO, fake: FakeOptimizer, lm: Any) -> None:
    pairs = [(program.deepcopy(), {"question": f"tell me about {n}"}) for n in range(12)]
    outs = dspy.Parallel(num_threads=4, disable_progress_bar=True)(pairs)
    assert [out.answer for out in outs] == [f"tell me about {n} Please explain your answer." for n in range(12)]


def test_64_threads_at_once_get_their_own_answers(program: BPO, lm: Any) -> None:
    gate = threading.Barrier(64)
    settings = dspy.settings.lm

    def ask(number: int) -> str:
        gate.wait(30)
        with dspy.context(lm=settings):
            return str(program(question=f"tell me about {number}").answer)

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, range(64)))
    assert answers == [f"tell me about {number} Please explain your answer." for number in range(64)]


def test_the_tokens_of_both_models_are_reported(program: BPO, lm: Any, fake: FakeOptimizer) -> None:
    with dspy.context(track_usage=True):
        used = program(question=ASK).get_lm_usage()
    tokens = fake.optimize(ASK).tokens
    assert used["bpo/bpo-smollm2-135m"] == {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
    }
    assert used["test/echo"]["total_tokens"] == 10


def test_the_tokens_of_several_rewrites_add_up(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.track_usage() as tracker:
        BPORewrite(fake)(prompt={"a": ASK, "b": ASK})
        BPORewrite(fake)(prompt=ASK)
    assert len(tracker.usage_data["bpo/bpo-smollm2-135m"]) == 3


def test_no_model_no_tokens(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(track_usage=True):
        used = BPO(QA(), fake, fields="question", rewrite="never")(question=ASK).get_lm_usage()
    assert list(used) == ["test/echo"]


def test_remembered_rewrites_cost_no_tokens(optimizer: Any) -> None:
    bpo = BPORewrite(optimizer)
    prompt = "tell me about the history of green tea"
    bpo(prompt=prompt)
    with dspy.track_usage() as tracker:
        bpo(prompt=prompt)
    assert tracker.usage_data == {}


class Listener(BaseCallback):  # type: ignore[misc]
    """Writes down the modules that start and what they return."""

    def __init__(self) -> None:
        self.started: list[tuple[str, Any]] = []
        self.reasons: list[Any] = []

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.started.append((type(instance).__name__, inputs))

    def on_module_end(self, call_id: str, outputs: Any, exception: Any = None) -> None:
        if outputs is not None and "reason" in outputs:
            self.reasons.append(outputs["reason"])


def test_callbacks_see_the_rewriting_and_its_reason(program: BPO, lm: Any) -> None:
    listener = Listener()
    with dspy.context(callbacks=[listener]):
        program(question=ASK)
    assert [name for name, _ in listener.started] == ["BPO", "BPORewrite", "QA", "Predict"]
    assert listener.started[2][1] == {"args": (), "kwargs": {"question": REWRITE}}
    assert listener.reasons == [{"question": "rewritten"}]


def test_a_module_can_have_callbacks_of_its_own(fake: FakeOptimizer) -> None:
    listener = Listener()
    BPORewrite(fake, callbacks=[listener])(prompt=ASK)
    assert listener.reasons == ["rewritten"]


def test_nothing_is_called_in_a_way_that_dspy_warns_about(program: BPO, lm: Any, caplog: Any) -> None:
    with caplog.at_level("WARNING"), dspy.context(track_usage=True):
        program(question=ASK)
        Outer(program.rewrite.optimizer)(question=ASK)
    assert caplog.records == []


def test_cached_answers_are_not_shared_with_the_bare_program(fake: FakeOptimizer, make_lm: Any, echo: Any) -> None:
    bare = dspy.Predict("question -> answer")
    question = "tell me about the cache"
    with dspy.context(lm=make_lm(echo, cache=True)):
        assert bare(question=question).answer == question
        for _ in range(2):
            assert BPO(bare, fake, fields="question")(question=question).answer.startswith(f"{question} Please")
        assert bare(question=question).answer == question
    assert len(echo.prompts) == 2


@pytest.mark.parametrize("search", [dspy.BestOfN, dspy.Refine])
def test_searches_over_rollouts_run_a_wrapped_program(search: Any, program: BPO, lm: Any, fake: FakeOptimizer) -> None:
    def reward(arguments: dict[str, Any], prediction: Any) -> float:
        return float(prediction.answer == REWRITE)

    assert search(module=program, N=2, reward_fn=reward, threshold=1.0)(question=ASK).answer == REWRITE


def test_an_agent_with_tools_can_be_wrapped(fake: FakeOptimizer, make_lm: Any, echo: Any) -> None:
    def lookup(topic: str) -> str:
        """Look a topic up."""
        return f"all about {topic}"

    replies = iter(
        [
            "[[ ## next_thought ## ]]\nlook\n\n[[ ## next_tool_name ## ]]\nlookup\n\n"
            '[[ ## next_tool_args ## ]]\n{"topic": "tea"}\n\n[[ ## completed ## ]]',
            "[[ ## next_thought ## ]]\ndone\n\n[[ ## next_tool_name ## ]]\nfinish\n\n"
            "[[ ## next_tool_args ## ]]\n{}\n\n[[ ## completed ## ]]",
            "[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\na drink\n\n[[ ## completed ## ]]",
        ]
    )
    echo.reply = lambda prompt: next(replies)
    agent = BPO(dspy.ReAct("question -> answer", tools=[lookup], max_iters=3), fake, fields="question")
    with dspy.context(lm=make_lm(echo), adapter=None):
        out = agent(question=ASK)
    assert (out.answer, len(fake.calls)) == ("a drink", 1)
    assert out.trajectory["observation_0"] == "all about tea"
    assert all(f"[[ ## question ## ]]\n{REWRITE}" in prompt for prompt in echo.prompts)
