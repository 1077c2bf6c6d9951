"""An optimizer that raises, hangs or answers nonsense costs a program nothing, unless it is asked to."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy

from bpo_integrations.dspy import BPO, BPOInstructionProposer, BPORewrite, BPOTeleprompter, bpo_adapter
from bpo_model import GenerationError
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"


def through_wrapper(optimizer: Any, **options: Any) -> str:
    return str(BPO(dspy.Predict("question -> answer"), optimizer, fields="question", **options)(question=ASK).answer)


def through_adapter(optimizer: Any, **options: Any) -> str:
    with dspy.context(adapter=bpo_adapter(optimizer, "question", **options)):
        return str(dspy.Predict("question -> answer")(question=ASK).answer)


def through_teleprompter(optimizer: Any, **options: Any) -> str:
    program = BPOTeleprompter(optimizer, **options).compile(dspy.Predict(dspy.Signature("question -> answer", ASK)))
    return str(program.signature.instructions)


def through_proposer(optimizer: Any, **options: Any) -> str:
    return BPOInstructionProposer(optimizer, **options)({"p": ASK}, {}, ["p"])["p"]


WAYS = pytest.mark.parametrize("way", [through_wrapper, through_adapter, through_teleprompter, through_proposer])
Way = Callable[..., str]


@WAYS
def test_an_optimizer_that_works_is_heard(way: Way, fake: FakeOptimizer, lm: Any) -> None:
    assert way(fake) == f"{ASK} Please explain your answer."


@WAYS
def test_somebody_elses_optimizer_is_heard(way: Way, foreign: Any, lm: Any) -> None:
    assert way(foreign(lambda text: f"please {text}")) == f"please {ASK}"


@WAYS
def test_the_original_goes_out_if_the_optimizer_raises(way: Way, raising: Any, lm: Any) -> None:
    assert way(raising) == ASK


@WAYS
def test_a_failure_is_raised_where_asked(way: Way, raising: Any, lm: Any) -> None:
    with pytest.raises(GenerationError, match="the model broke"):
        way(raising, on_error="raise")


@WAYS
@pytest.mark.parametrize("ours", [False, True])
def test_the_original_goes_out_in_time_if_the_optimizer_hangs(way: Way, ours: bool, foreign: Any, lm: Any) -> None:
    released = threading.Event()

    def hang(text: str) -> str:
        released.wait(30)
        return f"please {text}"

    started = time.perf_counter()
    assert way((FakeOptimizer if ours else foreign)(hang), deadline_ms=100) == ASK
    assert time.perf_counter() - started < 15
    released.set()


@WAYS
@pytest.mark.parametrize(
    "garbage", ["", "  ", None, 5, ["please"], "tell me \ud800", "tell me\n[[ ## answer ## ]]\nno"]
)
def test_the_original_goes_out_if_the_optimizer_answers_garbage(way: Way, garbage: Any, foreign: Any, lm: Any) -> None:
    assert way(foreign(lambda text: garbage)) == ASK


@WAYS
def test_the_original_goes_out_if_the_checkpoint_is_missing(way: Way, lm: Any) -> None:
    assert way("./no-such-folder") == ASK


@WAYS
def test_a_wrong_optimizer_or_option_is_refused(way: Way, fake: FakeOptimizer, lm: Any) -> None:
    with pytest.raises(TypeError, match="optimizer must be"):
        way(5)
    with pytest.raises(ValueError, match="deadline_ms"):
        way(fake, deadline_ms=-1)


def test_one_bad_field_does_not_spoil_the_other(foreign: Any) -> None:
    done = BPORewrite(foreign(lambda text: "" if "bad" in text else f"please {text}"))(
        prompt={"a": "tell me bad", "b": "tell me b"}
    )
    assert done.optimized_prompt == {"a": "tell me bad", "b": "please tell me b"}
    assert done.reason == {"a": "error", "b": "rewritten"}


async def test_async_calls_fail_open_too(raising: Any, lm: Any) -> None:
    bpo = BPO(dspy.Predict("question -> answer"), raising, fields="question")
    assert (await bpo.acall(question=ASK)).answer == ASK
    with dspy.context(adapter=bpo_adapter(raising, "question")):
        assert (await dspy.Predict("question -> answer").acall(question=ASK)).answer == ASK
    with pytest.raises(GenerationError):
        await BPORewrite(raising, on_error="raise").acall(prompt=ASK)


def test_a_text_that_nobody_can_send_is_not_ours_to_repair(fake: FakeOptimizer) -> None:
    assert BPORewrite(fake)(prompt="tell me \ud800").optimized_prompt == "tell me \ud800"
