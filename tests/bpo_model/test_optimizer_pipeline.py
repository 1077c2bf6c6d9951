"""The whole pipeline around a function instead of a model: what comes out for every kind of input and failure."""

import asyncio
import copy
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from bpo_model import (
    AGGRESSIVE,
    BPOError,
    GatePolicy,
    GenerationError,
    OptimizedPrompt,
    Prompt,
    PromptError,
    PromptOptimizer,
    Reason,
    SamplingConfig,
    SupportsOptimize,
)
from bpo_model.config import Options, Overrides
from bpo_model.engines.base import Candidate, Generated, Request, never
from bpo_model.testing import FakeEngine, FakeOptimizer, add_please

TIDES = "tell me about tides"
WAIT = 30.0
"""Seconds after which a test gives up waiting for a thread; never reached when all is well."""
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
FIRST_STEP = (
    "Please explain your answer in clear and simple language so that a person who never heard about the topic "
    "can follow every part of it easily."
)
SECOND_STEP = (
    "Start with the most important point, then go on with the details, and end with a short summary that is easy "
    "to keep in mind later."
)


def auto() -> FakeOptimizer:
    return FakeOptimizer(options=Options())


def one_after_the_other(*texts: str) -> Callable[[str], str]:
    """A rewrite function that gives the texts in order, and the last one for ever."""
    following = itertools.chain(texts, itertools.repeat(texts[-1]))
    return lambda instruction: next(following)


def fail(instruction: str) -> str:
    raise RuntimeError("the model is gone")


def fail_on(word: str) -> Callable[[str], str]:
    return lambda instruction: fail(instruction) if word in instruction else add_please(instruction)


def real_calls(optimizer: FakeOptimizer) -> list[list[str]]:
    """Engine calls that asked for something."""
    return [call for call in optimizer.calls if call]


def checks(result: OptimizedPrompt) -> list[str]:
    return [violation.check for violation in result.violations]


# What goes in


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("", Reason.BLANK),
        (" \r\n\t ", Reason.BLANK),
        ("\u2003\u2028", Reason.BLANK),
        ("tide " * 100_000, Reason.TOO_LONG),
        ("tell me about " + "tides" * 100_000, Reason.TOO_LONG),
        ("tell me about \x00 tides", Reason.UNSUPPORTED_CHARACTERS),
        ("tell me about \ud800 tides", Reason.UNSUPPORTED_CHARACTERS),
        ("tell me about \udfff\ud800", Reason.UNSUPPORTED_CHARACTERS),
        ("tell me \u202eabout\u202c tides", Reason.UNSUPPORTED_CHARACTERS),
        ("tell me\u200b about tides", Reason.UNSUPPORTED_CHARACTERS),
        ("\ufefftell me about tides", Reason.UNSUPPORTED_CHARACTERS),
        ([{"role": "user", "content": ""}], Reason.BLANK),
        ([{"role": "user", "content": [IMAGE]}], Reason.NO_USER_TEXT),
        ([{"role": "user", "content": []}], Reason.NO_USER_TEXT),
        ([{"role": "user", "content": ["tell me", "about tides"]}], Reason.NO_USER_TEXT),
        ([{"role": "user", "content": TIDES}, {"role": "assistant", "content": "They rise."}], Reason.NO_USER_TEXT),
        ([{"role": "system", "content": "Be brief."}], Reason.NO_USER_TEXT),
    ],
    ids=lambda value: repr(value)[:50],
)
@pytest.mark.parametrize("rewrite", ["auto", "always"])
def test_what_cannot_be_rewritten_goes_out_as_it_came(prompt: Prompt, reason: Reason, rewrite: Any) -> None:
    optimizer = auto()
    result = optimizer.optimize(prompt, rewrite=rewrite)
    assert result.reason is reason
    assert result.prompt is prompt
    assert not result.changed
    assert result.text == result.original
    assert (result.edits, result.strategies, result.violations) == ((), (), ())
    assert optimizer.calls == []


@pytest.mark.parametrize(
    ("instruction", "before", "after"),
    [
        (TIDES, "", "\r\n"),
        (TIDES, "\u3000\x0c", "\u2028"),
        ("Summarize this.", "", "\r\n\r\nThe ferry\r\nwas late.\r\n"),
        ("Summarize this.", "", "\n\n\u200bThe \u202eferry\u202c\x00 was \ud800late."),
        ("Summarize this.", "", "\n\n" + "tide " * 100_000),
        ("Summarize the text above.", "The ferry was late.\n" * 1000 + "\n", ""),
        ("explain \u05e9\u05dc\u05d5\u05dd to me", "", ""),
        ("explain the emoji 🚀 to me", "", "\n"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_all_around_the_instruction_is_sent_byte_for_byte(instruction: str, before: str, after: str) -> None:
    prompt = before + instruction + after
    result = FakeOptimizer().optimize(prompt)
    assert result.prompt == result.text == before + add_please(instruction) + after
    assert (result.original, result.reason) == (prompt, Reason.REWRITTEN)


@pytest.mark.parametrize(
    "prompt",
    ["explain <|im_start|>system to me", "what does <|im_end|> mean?", "what is [INST] for?", "what is {prompt}?"],
)
def test_template_tokens_in_the_prompt_are_text_for_the_engine(prompt: str) -> None:
    class Recorder(FakeEngine):
        """Keeps the requests."""

        seen: Sequence[Request] = ()

        def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
            """Remember, then rewrite."""
            self.seen = requests
            return super().generate(requests, cancelled)

    engine = Recorder()
    optimizer = PromptOptimizer.from_pretrained(engine=engine, rewrite="always")
    assert optimizer.optimize(prompt).text == add_please(prompt)
    request = engine.seen[0].prompt
    template = optimizer.checkpoint.template.text
    assert request.text == prompt
    assert request.before + "{prompt}" + request.after == template


@pytest.mark.parametrize("token", ["<|im_end|>", "[/INST]", "</s>"])
def test_a_rewrite_that_adds_a_template_token_is_rejected(token: str) -> None:
    result = FakeOptimizer(lambda text: f"{text} in detail{token}").optimize(TIDES)
    assert (result.reason, result.text) == (Reason.REJECTED, TIDES)
    assert "no_template_text" in checks(result)


WRONG = [
    (7, "got int"),
    (None, "got NoneType"),
    (b"tell me about tides", "got bytes"),
    (bytearray(b"x"), "got bytearray"),
    (["tell me", "about tides"], "message 0 must be a dict.*got str"),
    ({"role": "user", "content": TIDES}, "got dict"),
    ([], "the list of messages is empty"),
    ([{"role": "robot", "content": TIDES}], "message 0 has role 'robot'; known roles: .*user"),
    ([{"role": "user", "content": None}], "message 0 needs content.*got NoneType"),
    ([{"role": "user", "content": 7}], "message 0 needs content.*got int"),
    ([[{"role": "user", "content": TIDES}]], "message 0 must be a dict.*got list"),
]


@pytest.mark.parametrize(("prompt", "message"), WRONG, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("options", [Options(), Options(rewrite="never"), Options(on_error="raise")])
def test_a_prompt_of_a_wrong_kind_is_refused(prompt: object, message: str, options: Options) -> None:
    optimizer = FakeOptimizer(options=options)
    with pytest.raises(PromptError, match=message):
        optimizer.optimize(cast(Prompt, prompt))
    assert optimizer.calls == []


@pytest.mark.parametrize(("prompt", "message"), WRONG, ids=lambda value: repr(value)[:40])
def test_in_a_batch_a_prompt_of_a_wrong_kind_comes_back_with_the_reason(prompt: object, message: str) -> None:
    (result,) = FakeOptimizer().optimize_batch([cast(Prompt, prompt)])
    assert result.reason is Reason.ERROR
    assert result.prompt is prompt
    assert (result.text, result.original, result.changed) == ("", "", False)
    with pytest.raises(PromptError, match=message):
        raise PromptError(result.detail)


def test_one_string_is_no_batch() -> None:
    with pytest.raises(PromptError, match="got one str; use optimize"):
        FakeOptimizer().optimize_batch(TIDES)


def test_an_empty_batch_has_no_results_and_no_engine_call() -> None:
    optimizer = FakeOptimizer()
    assert optimizer.optimize_batch([]) == []
    assert optimizer.calls == []


# What comes out


def test_a_verified_rewrite_is_sent() -> None:
    result = FakeOptimizer().optimize(TIDES)
    assert result.prompt == result.text == f"{TIDES} Please explain your answer."
    assert (result.original, result.changed, result.reason) == (TIDES, True, Reason.REWRITTEN)
    assert result.violations == ()
    assert "".join(edit.after for edit in result.edits) == " Please explain your answer."
    assert result.latency_ms > 0


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_conversation_keeps_its_type_and_its_other_messages(kind: Callable[[Any], Prompt]) -> None:
    system, asked = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "what is a neap tide?"}
    answered = {"role": "assistant", "content": "A weak one."}
    newest = {"role": "user", "content": [IMAGE, {"type": "text", "text": TIDES}]}
    prompt = kind([system, asked, answered, newest])
    result = FakeOptimizer().optimize(prompt)
    assert type(result.prompt) is type(prompt)
    assert all(new is old for new, old in zip(result.prompt[:3], (system, asked, answered), strict=True))
    assert result.messages is not None
    assert result.messages[3]["content"][0] is IMAGE
    assert result.messages[3]["content"][1] == {"type": "text", "text": add_please(TIDES)}
    assert newest == {"role": "user", "content": [IMAGE, {"type": "text", "text": TIDES}]}


@pytest.mark.parametrize("kind", [list, tuple])
def test_an_unchanged_conversation_is_the_very_same_object(kind: Callable[[Any], Prompt]) -> None:
    prompt = kind([{"role": "user", "content": TIDES}])
    result = FakeOptimizer(lambda text: text).optimize(prompt)
    assert result.reason is Reason.UNCHANGED
    assert result.prompt is prompt


def test_only_the_instruction_reaches_the_engine() -> None:
    optimizer = FakeOptimizer()
    optimizer.optimize("Summarize this.\n\nThe ferry was late.")
    assert optimizer.calls == [["Summarize this."]]


def test_white_space_around_a_candidate_is_dropped() -> None:
    assert FakeOptimizer(lambda text: f"\n  {add_please(text)} \n").optimize(TIDES).text == add_please(TIDES)


def test_the_result_reads_as_its_text() -> None:
    result = FakeOptimizer().optimize(TIDES)
    assert str(result) == f"{result}" == result.text


def test_a_result_of_a_string_has_no_messages() -> None:
    assert FakeOptimizer().optimize(TIDES).messages is None


@pytest.mark.parametrize(
    ("rewrite", "state"),
    [(add_please, "changed, rewritten"), (str, "unchanged, unchanged"), (fail, "unchanged, error")],
)
def test_the_repr_is_one_line_with_state_reason_time_and_text(rewrite: Callable[[str], str], state: str) -> None:
    result = FakeOptimizer(rewrite).optimize(TIDES)
    assert repr(result) == f"<OptimizedPrompt {state}, {result.latency_ms:.0f} ms: {result.text!r}>"
    assert "\n" not in repr(FakeOptimizer(rewrite).optimize("Summarize this.\n\nThe ferry was late."))


def test_an_explanation_of_a_rewrite_names_strategies_and_cost() -> None:
    result = FakeOptimizer().optimize(TIDES)
    first, *middle, last = result.explain().splitlines()
    assert first == "rewritten"
    assert middle == ["+ explanation generation: 'Please explain your answer.'"]
    assert last == f"{result.latency_ms:.0f} ms, 8 tokens written by {result.model}"


def test_an_explanation_of_a_rejection_names_the_failed_checks() -> None:
    result = FakeOptimizer(lambda text: "Give 7 tips for growing leeks.").optimize("tips for growing leeks please")
    first, *middle, _ = result.explain().splitlines()
    assert first == "rejected: numbers_invented"
    assert middle == ["- numbers_invented: invented 7"] * 3


def test_an_explanation_of_an_error_holds_its_message() -> None:
    assert FakeOptimizer(fail).optimize(TIDES).explain().splitlines()[0] == "error: the model is gone"


def test_a_fake_optimizer_is_what_adapters_need() -> None:
    assert isinstance(FakeOptimizer(), SupportsOptimize)


# When to rewrite


@pytest.mark.parametrize(("rewrite", "reason"), [("auto", Reason.MATH_PROBLEM), ("always", Reason.REWRITTEN)])
def test_always_skips_the_opinions_of_the_gate(rewrite: Any, reason: Reason) -> None:
    assert auto().optimize("Solve 3x + 5 = 20", rewrite=rewrite).reason is reason


@pytest.mark.parametrize("prompt", [TIDES, "", "hi", "tide\x00", [{"role": "user", "content": TIDES}]])
def test_never_hands_everything_back(prompt: Prompt) -> None:
    optimizer = FakeOptimizer()
    result = optimizer.optimize(prompt, rewrite="never")
    assert result.reason is Reason.SWITCHED_OFF
    assert result.prompt is prompt
    assert optimizer.calls == []


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("thanks!", Reason.SMALL_TALK),
        ("make it shorter", Reason.FOLLOW_UP),
        ("¿Cómo se hace el pan?", Reason.LANGUAGE),
        ("git status -s", Reason.NOT_A_REQUEST),
        ("milk\nbread\neggs\nbutter", Reason.UNCLEAR_INSTRUCTION),
        ("True or false: spiders are insects.", Reason.MULTIPLE_CHOICE),
        (TIDES, Reason.REWRITTEN),
        ("who wrote it?", Reason.REWRITTEN),
    ],
)
def test_auto_asks_the_gate(prompt: str, reason: Reason) -> None:
    optimizer = auto()
    result = optimizer.optimize(prompt)
    assert result.reason is reason
    assert bool(optimizer.calls) is result.changed is (reason is Reason.REWRITTEN)


def test_auto_knows_the_history_of_a_conversation() -> None:
    history = [{"role": "user", "content": TIDES}, {"role": "assistant", "content": "They rise."}]
    asked = {"role": "user", "content": "who wrote it?"}
    assert auto().optimize([*history, asked]).reason is Reason.FOLLOW_UP


def test_the_policy_of_the_caller_replaces_that_of_the_checkpoint() -> None:
    optimizer = PromptOptimizer.from_pretrained(engine=FakeEngine(), policy=GatePolicy(languages=(), max_words=3))
    assert optimizer.optimize("explica las mareas").reason is not Reason.LANGUAGE
    assert optimizer.optimize(TIDES).reason is Reason.TOO_LONG


def test_its_own_text_is_not_rewritten_again() -> None:
    optimizer = auto()
    once = optimizer.optimize(TIDES)
    again = optimizer.optimize(once.text)
    assert (again.reason, again.text) == (Reason.ALREADY_OPTIMIZED, once.text)
    assert optimizer.optimize([{"role": "user", "content": once.text}]).reason is Reason.ALREADY_OPTIMIZED
    assert len(optimizer.calls) == 1


def test_its_own_conversation_comes_back_as_the_same_object() -> None:
    optimizer = auto()
    once = optimizer.optimize(({"role": "user", "content": TIDES},))
    again = optimizer.optimize(once.prompt)
    assert again.reason is Reason.ALREADY_OPTIMIZED
    assert again.prompt is once.prompt


def test_always_rewrites_its_own_text_again() -> None:
    optimizer = FakeOptimizer(one_after_the_other(f"{TIDES} in detail", f"{TIDES} in more detail"))
    once = optimizer.optimize(TIDES)
    assert optimizer.optimize(once.text).text == f"{TIDES} in more detail"


def test_an_original_that_was_left_alone_is_not_remembered() -> None:
    optimizer = FakeOptimizer(lambda text: text, Options())
    assert [optimizer.optimize(TIDES).reason for _ in range(2)] == [Reason.UNCHANGED] * 2


def test_another_optimizer_does_not_know_the_text() -> None:
    assert auto().optimize(auto().optimize(TIDES).text).reason is not Reason.ALREADY_OPTIMIZED


# Failures


def test_a_failing_model_lets_the_original_out() -> None:
    prompt = [{"role": "user", "content": TIDES}]
    result = FakeOptimizer(fail).optimize(prompt)
    assert (result.reason, result.detail, result.changed) == (Reason.ERROR, "the model is gone", False)
    assert result.prompt is prompt
    assert result.text == TIDES


def test_a_failing_model_raises_if_the_caller_asked_for_that() -> None:
    with pytest.raises(GenerationError, match="the model is gone"):
        FakeOptimizer(fail).optimize(TIDES, on_error="raise")
    with pytest.raises(GenerationError, match="the model is gone"):
        FakeOptimizer(fail_on("leeks")).optimize_batch([TIDES, "how do I grow leeks?"], on_error="raise")


def test_a_generation_error_is_a_runtime_error_and_a_package_error() -> None:
    with pytest.raises(RuntimeError) as caught:
        FakeOptimizer(fail).optimize(TIDES, on_error="raise")
    assert isinstance(caught.value, BPOError)


def test_a_rejected_or_skipped_prompt_is_no_failure() -> None:
    optimizer = FakeOptimizer(lambda text: "", Options(on_error="raise"))
    assert optimizer.optimize(TIDES, rewrite="always").reason is Reason.REJECTED
    assert optimizer.optimize("thanks!").reason is Reason.SMALL_TALK


class BrokenEngine(FakeEngine):
    """Fails as a whole and not item by item."""

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """Raise something that is no error of this package."""
        raise ZeroDivisionError("no weights left")


@pytest.mark.parametrize("deadline", [None, 60_000.0])
def test_whatever_an_engine_raises_the_originals_go_out_and_the_log_says_why(
    deadline: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = PromptOptimizer.from_pretrained(engine=BrokenEngine(), deadline_ms=deadline)
    with caplog.at_level(logging.ERROR):
        results = optimizer.optimize_batch([TIDES, "hi", "explain recursion"])
    assert [result.reason for result in results] == [Reason.ERROR, Reason.SMALL_TALK, Reason.ERROR]
    assert {result.detail for result in results} == {"ZeroDivisionError: no weights left", ""}
    assert [result.text for result in results] == [TIDES, "hi", "explain recursion"]
    assert "the engine failed" in caplog.text
    with pytest.raises(GenerationError, match="ZeroDivisionError: no weights left"):
        optimizer.optimize(TIDES, on_error="raise")


@pytest.mark.parametrize("finish", ["length", "cancelled"])
def test_a_candidate_that_was_cut_off_is_rejected(finish: Any) -> None:
    class CuttingEngine(FakeEngine):
        """Never comes to an end."""

        def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
            """A good beginning."""
            return [Candidate(add_please(request.prompt.text), 1, 1, finish) for request in requests]

    result = PromptOptimizer.from_pretrained(engine=CuttingEngine()).optimize(TIDES)
    assert (result.reason, result.text) == (Reason.REJECTED, TIDES)
    assert set(checks(result)) == {"finished"}
    assert finish in result.violations[0].detail


# Batches


def test_results_come_in_the_order_of_the_prompts_and_failures_stay_alone() -> None:
    prompts = [
        TIDES,
        cast(Prompt, 7),
        "explain recursion",
        [],
        "",
        [{"role": "user", "content": "why do cats purr"}],
        "how do I grow leeks?",
        cast(Prompt, None),
        "what is jazz\x00?",
        "name a good film about jazz",
    ]
    results = FakeOptimizer(fail_on("leeks")).optimize_batch(prompts)
    assert [result.reason.value for result in results] == [
        "rewritten", "error", "rewritten", "error", "blank", "rewritten", "error", "error", "unsupported_characters",
        "rewritten",
    ]  # fmt: skip
    for prompt, result in zip(prompts, results, strict=True):
        if not result.changed:
            assert result.prompt is prompt
    assert [result.text for result in results if result.changed] == [
        add_please(text) for text in (TIDES, "explain recursion", "why do cats purr", "name a good film about jazz")
    ]
    assert results[6].detail == "the model is gone"


def test_a_batch_costs_one_engine_call() -> None:
    optimizer = FakeOptimizer()
    prompts = [TIDES, "explain recursion", "why do cats purr"]
    optimizer.optimize_batch(prompts)
    assert optimizer.calls == [prompts]


def test_a_batch_gives_what_single_calls_give() -> None:
    prompts: list[Prompt] = [TIDES, "hi", "explain recursion", [{"role": "user", "content": "why do cats purr"}], ""]
    together = auto().optimize_batch(prompts)
    alone = [auto().optimize(prompt) for prompt in prompts]
    assert [(one.prompt, one.reason) for one in together] == [(one.prompt, one.reason) for one in alone]


def test_the_same_prompt_twice_in_a_batch_is_rewritten_twice() -> None:
    assert [result.reason for result in auto().optimize_batch([TIDES, TIDES])] == [Reason.REWRITTEN] * 2


def test_options_of_a_call_hold_for_the_whole_batch_and_for_no_other_call() -> None:
    optimizer = FakeOptimizer()
    assert {one.reason for one in optimizer.optimize_batch([TIDES, ""], rewrite="never")} == {Reason.SWITCHED_OFF}
    assert optimizer.optimize(TIDES).reason is Reason.REWRITTEN


def test_with_raise_an_unreadable_prompt_of_a_batch_is_a_prompt_error() -> None:
    with pytest.raises(PromptError, match="got int"):
        FakeOptimizer().optimize_batch([TIDES, cast(Prompt, 7)], on_error="raise")


def test_many_threads_may_share_one_optimizer() -> None:
    optimizer = FakeOptimizer()
    prompts = [f"tell me about {topic}" for topic in ("tides", "leeks", "jazz", "chess", "bees", "clouds")] * 10
    with ThreadPoolExecutor(6) as pool:
        assert [one.text for one in pool.map(optimizer.optimize, prompts)] == [add_please(text) for text in prompts]


# Candidates and retries


def test_n_candidates_are_drawn_in_one_call() -> None:
    optimizer = FakeOptimizer()
    assert optimizer.optimize(TIDES, candidates=4).reason is Reason.REWRITTEN
    assert optimizer.calls == [[TIDES] * 4]


def test_the_candidates_of_a_batch_stay_with_their_prompts() -> None:
    optimizer = FakeOptimizer()
    results = optimizer.optimize_batch([TIDES, "explain recursion"], candidates=2)
    assert optimizer.calls == [[TIDES, TIDES, "explain recursion", "explain recursion"]]
    assert [result.text for result in results] == [add_please(TIDES), add_please("explain recursion")]


def test_the_candidate_that_most_others_resemble_is_taken() -> None:
    texts = f"{TIDES}, please", f"{TIDES} in simple words", f"{TIDES} in very simple words", f"{TIDES} in simple words"
    assert FakeOptimizer(one_after_the_other(*texts)).optimize(TIDES, candidates=4).text == f"{TIDES} in simple words"


def test_a_candidate_that_fails_a_check_is_recorded_and_another_is_taken() -> None:
    rewrite = one_after_the_other("Give 7 facts about tides.", f"{TIDES} in detail")
    result = FakeOptimizer(rewrite).optimize(TIDES, candidates=2)
    assert (result.text, result.reason) == (f"{TIDES} in detail", Reason.REWRITTEN)
    assert [(one.check, one.candidate) for one in result.violations] == [
        ("numbers_invented", "Give 7 facts about tides.")
    ]


@pytest.mark.parametrize(
    ("prefer_changed", "text"), [(False, TIDES), (True, f"{TIDES} in detail")], ids=["plain", "prefer_changed"]
)
def test_an_unchanged_candidate_counts_unless_a_changed_one_is_preferred(prefer_changed: bool, text: str) -> None:
    mode = SamplingConfig(candidates=2, prefer_changed=prefer_changed)
    result = FakeOptimizer(one_after_the_other(TIDES, f"{TIDES} in detail")).optimize(TIDES, mode=mode)
    assert result.text == text
    assert result.changed is prefer_changed


def test_with_prefer_changed_an_unchanged_candidate_is_better_than_none() -> None:
    mode = SamplingConfig(candidates=2, prefer_changed=True)
    result = FakeOptimizer(one_after_the_other("Give 7 facts about tides.", TIDES)).optimize(TIDES, mode=mode)
    assert result.reason is Reason.UNCHANGED


def test_the_aggressive_mode_draws_four_and_prefers_a_change() -> None:
    optimizer = FakeOptimizer(one_after_the_other(TIDES, TIDES, TIDES, f"{TIDES} in detail"))
    assert optimizer.optimize(TIDES, mode=AGGRESSIVE).text == f"{TIDES} in detail"
    assert optimizer.calls == [[TIDES] * 4]


def test_the_number_of_candidates_overrides_that_of_the_mode() -> None:
    optimizer = FakeOptimizer()
    optimizer.optimize(TIDES, mode=AGGRESSIVE, candidates=2)
    assert optimizer.calls == [[TIDES] * 2]


def test_a_failing_candidate_does_not_spoil_the_others_of_its_prompt() -> None:
    turns = itertools.count()
    result = FakeOptimizer(lambda text: fail(text) if next(turns) == 1 else add_please(text)).optimize(
        TIDES, candidates=3
    )
    assert result.reason is Reason.REWRITTEN


def test_without_a_failed_check_there_is_no_retry() -> None:
    optimizer = FakeOptimizer()
    optimizer.optimize(TIDES, mode=SamplingConfig(retries=5))
    assert optimizer.calls == [[TIDES]]


def test_an_unchanged_candidate_is_not_retried() -> None:
    optimizer = FakeOptimizer(lambda text: text)
    optimizer.optimize(TIDES, mode=SamplingConfig(retries=5))
    assert optimizer.calls == [[TIDES]]


def test_a_failing_model_is_not_retried() -> None:
    optimizer = FakeOptimizer(fail)
    optimizer.optimize(TIDES, mode=SamplingConfig(retries=5))
    assert optimizer.calls == [[TIDES]]


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_all_retries_are_used_up_before_a_prompt_is_rejected(retries: int) -> None:
    optimizer = FakeOptimizer(lambda text: "Give 7 facts about tides.")
    result = optimizer.optimize(TIDES, mode=SamplingConfig(retries=retries))
    assert (result.reason, result.text, result.detail) == (Reason.REJECTED, TIDES, "numbers_invented")
    assert checks(result) == ["numbers_invented"] * (1 + retries)
    assert optimizer.calls == [[TIDES]] * (1 + retries)


def test_the_first_retry_that_passes_is_taken() -> None:
    optimizer = FakeOptimizer(one_after_the_other("", "Give 7 facts about tides.", f"{TIDES} in detail"))
    result = optimizer.optimize(TIDES, mode=SamplingConfig(retries=5))
    assert result.text == f"{TIDES} in detail"
    assert checks(result) == ["within_length", "numbers_invented"]
    assert len(optimizer.calls) == 3


def test_a_retry_draws_one_candidate_however_many_the_first_round_had() -> None:
    optimizer = FakeOptimizer(lambda text: "")
    optimizer.optimize(TIDES, candidates=3, mode=SamplingConfig(retries=2))
    assert [len(call) for call in optimizer.calls] == [3, 1, 1]


def test_only_the_prompts_of_a_batch_that_failed_are_retried() -> None:
    optimizer = FakeOptimizer(lambda text: "" if "leeks" in text else add_please(text))
    results = optimizer.optimize_batch([TIDES, "how do I grow leeks?", "explain recursion"])
    assert [result.reason for result in results] == [Reason.REWRITTEN, Reason.REJECTED, Reason.REWRITTEN]
    assert optimizer.calls[1:] == [["how do I grow leeks?"]] * 2


# Iterations


def grow(instruction: str) -> str:
    """Adds 26 words, and the next time 27 others."""
    return f"{instruction} {SECOND_STEP}" if FIRST_STEP in instruction else f"{instruction}. {FIRST_STEP}"


def test_each_iteration_starts_from_the_last_result() -> None:
    steps = {TIDES: f"{TIDES} in detail", f"{TIDES} in detail": f"{TIDES} in detail, please"}
    optimizer = FakeOptimizer(steps.__getitem__)
    assert optimizer.optimize(TIDES, iterations=2).text == f"{TIDES} in detail, please"
    assert optimizer.calls == [[TIDES], [f"{TIDES} in detail"]]


def test_one_iteration_is_the_default() -> None:
    optimizer = FakeOptimizer()
    optimizer.optimize(TIDES)
    assert len(optimizer.calls) == 1


def test_iterations_stop_when_nothing_changes_any_more() -> None:
    optimizer = FakeOptimizer(lambda text: text if text.endswith("answer.") else add_please(text))
    result = optimizer.optimize(TIDES, iterations=9)
    assert (result.text, result.reason) == (add_please(TIDES), Reason.REWRITTEN)
    assert real_calls(optimizer) == [[TIDES], [add_please(TIDES)]]


def test_iterations_stop_when_a_check_fails_and_keep_what_passed() -> None:
    optimizer = FakeOptimizer(lambda text: "Give 7 facts about tides." if "answer" in text else add_please(text))
    result = optimizer.optimize(TIDES, iterations=9, mode=SamplingConfig(retries=1))
    assert (result.text, result.reason) == (add_please(TIDES), Reason.REWRITTEN)
    assert checks(result) == ["numbers_invented"] * 2
    assert real_calls(optimizer) == [[TIDES], [add_please(TIDES)], [add_please(TIDES)]]


def test_every_iteration_is_verified_against_the_original() -> None:
    once = grow(TIDES)
    assert FakeOptimizer(grow).optimize(once).changed, "the second step alone is within its budget"
    result = FakeOptimizer(grow).optimize(TIDES, iterations=2)
    assert result.text == once
    assert set(checks(result)) == {"within_length"}


def test_an_iteration_back_to_the_original_leaves_the_prompt_unchanged() -> None:
    prompt = [{"role": "user", "content": TIDES}]
    result = FakeOptimizer(one_after_the_other(f"{TIDES} in detail", TIDES)).optimize(prompt, iterations=2)
    assert result.reason is Reason.UNCHANGED
    assert result.prompt is prompt


def test_in_a_batch_only_the_prompts_that_changed_go_on() -> None:
    optimizer = FakeOptimizer(lambda text: text if "leeks" in text else f"{text}, please")
    optimizer.optimize_batch([TIDES, "how do I grow leeks"], iterations=2)
    assert optimizer.calls == [[TIDES, "how do I grow leeks"], [f"{TIDES}, please"]]


def test_no_engine_call_is_empty() -> None:
    optimizer = FakeOptimizer(lambda text: text)
    optimizer.optimize(TIDES, iterations=5)
    assert optimizer.calls == [[TIDES]]


# Deadlines


class Held:
    """A rewrite function that waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = threading.Event()
        self.done = threading.Event()

    def __call__(self, instruction: str) -> str:
        """Wait, then rewrite."""
        self.started.set()
        if not self.go.wait(WAIT):
            raise TimeoutError("nobody let the rewrite go")
        self.done.set()
        return add_please(instruction)


@pytest.fixture
def held() -> Iterator[Held]:
    rewrite = Held()
    yield rewrite
    rewrite.go.set()


def test_when_the_time_is_up_the_original_goes_out(held: Held) -> None:
    prompt = [{"role": "user", "content": TIDES}]
    result = FakeOptimizer(held).optimize(prompt, deadline_ms=20)
    assert (result.reason, result.changed, result.text) == (Reason.DEADLINE, False, TIDES)
    assert result.detail == "no verified rewrite within 20 ms"
    assert result.prompt is prompt
    assert not held.done.is_set()


def test_a_deadline_is_no_failure(held: Held) -> None:
    assert FakeOptimizer(held).optimize(TIDES, deadline_ms=20, on_error="raise").reason is Reason.DEADLINE


def test_the_deadline_of_a_batch_hits_only_what_was_waiting(held: Held) -> None:
    prompts = [TIDES, "", cast(Prompt, 7), "explain recursion"]
    results = FakeOptimizer(held).optimize_batch(prompts, deadline_ms=20)
    assert [result.reason for result in results] == [Reason.DEADLINE, Reason.BLANK, Reason.ERROR, Reason.DEADLINE]


def test_a_late_rewrite_never_changes_a_result_and_is_not_remembered(held: Held) -> None:
    optimizer = FakeOptimizer(held, Options())
    result = optimizer.optimize(TIDES, deadline_ms=20)
    before = copy.deepcopy(result)
    assert held.started.wait(WAIT)
    held.go.set()
    assert held.done.wait(WAIT)
    optimizer._worker.close()
    assert result == before
    assert add_please(TIDES) not in optimizer._own


def test_a_late_failed_check_never_changes_a_result(held: Held) -> None:
    optimizer = FakeOptimizer(lambda text: held(text) and "")
    result = optimizer.optimize(TIDES, deadline_ms=20)
    assert held.started.wait(WAIT)
    held.go.set()
    optimizer._worker.close()
    assert (result.reason, result.violations, result.tokens.prompt) == (Reason.DEADLINE, (), 0)


def test_after_a_deadline_the_optimizer_goes_on_working(held: Held) -> None:
    optimizer = FakeOptimizer(held)
    assert optimizer.optimize(TIDES, deadline_ms=20).reason is Reason.DEADLINE
    held.go.set()
    assert optimizer.optimize(TIDES).reason is Reason.REWRITTEN
    assert optimizer.optimize(TIDES, deadline_ms=60_000).reason is Reason.REWRITTEN


def test_within_the_deadline_everything_is_as_without_one() -> None:
    rewrite = one_after_the_other("Give 7 facts about tides.", f"{TIDES} in detail")
    result = FakeOptimizer(rewrite).optimize(TIDES, deadline_ms=60_000)
    assert (result.text, result.reason) == (f"{TIDES} in detail", Reason.REWRITTEN)
    assert checks(result) == ["numbers_invented"]
    assert result.tokens.completion == len("Give 7 facts about tides.".split()) + len(result.text.split())
    assert FakeOptimizer(fail).optimize(TIDES, deadline_ms=60_000).detail == "the model is gone"


# Asynchronous calls


async def ticks(task: "asyncio.Future[Any]", release: threading.Event) -> int:
    """Let the loop run; the rewrite can end only after the loop has done its own work."""
    count = 0
    while count < 5:
        await asyncio.sleep(0.001)
        count += not task.done()
    release.set()
    return count


async def test_aoptimize_leaves_the_loop_free(held: Held) -> None:
    task = asyncio.ensure_future(FakeOptimizer(held).aoptimize(TIDES))
    assert await ticks(task, held.go) == 5
    assert (await task).text == add_please(TIDES)


async def test_aoptimize_batch_leaves_the_loop_free(held: Held) -> None:
    task = asyncio.ensure_future(FakeOptimizer(held).aoptimize_batch([TIDES, "", "explain recursion"]))
    assert await ticks(task, held.go) == 5
    assert [result.reason for result in await task] == [Reason.REWRITTEN, Reason.BLANK, Reason.REWRITTEN]


async def test_asynchronous_calls_take_the_same_options() -> None:
    optimizer = FakeOptimizer()
    assert (await optimizer.aoptimize(TIDES, rewrite="never")).reason is Reason.SWITCHED_OFF
    assert (await optimizer.aoptimize_batch([TIDES], rewrite="never"))[0].reason is Reason.SWITCHED_OFF
    with pytest.raises(PromptError, match="got int"):
        await optimizer.aoptimize(cast(Prompt, 7))
    with pytest.raises(GenerationError, match="the model is gone"):
        await FakeOptimizer(fail).aoptimize(TIDES, on_error="raise")


async def test_many_asynchronous_calls_may_run_at_once() -> None:
    optimizer = FakeOptimizer()
    prompts = [f"tell me about {topic}" for topic in ("tides", "leeks", "jazz", "chess", "bees", "clouds")]
    results = await asyncio.gather(*(optimizer.aoptimize(prompt) for prompt in prompts))
    assert [result.text for result in results] == [add_please(prompt) for prompt in prompts]


# The object and its options


def test_a_deep_copy_is_the_optimizer_itself() -> None:
    optimizer = FakeOptimizer()
    assert copy.deepcopy(optimizer) is optimizer
    assert copy.deepcopy({"step": [optimizer]})["step"][0] is optimizer


BAD_OPTIONS: list[tuple[Any, str]] = [
    ({"iterations": 0}, "iterations must be >= 1, got 0"),
    ({"iterations": -3}, "iterations must be >= 1, got -3"),
    ({"deadline_ms": 0}, "deadline_ms must be > 0 .*got 0"),
    ({"deadline_ms": -5.5}, r"deadline_ms must be > 0 .*got -5\.5"),
    ({"deadline_ms": math.nan}, "deadline_ms must be > 0 .*got nan"),
    ({"candidates": 0}, "candidates must be >= 1.*got 0"),
    ({"candidates": -1}, "candidates must be >= 1.*got -1"),
    ({"rewrite": "sometimes"}, "rewrite must be one of auto, always, never, got 'sometimes'"),
    ({"rewrite": True}, "rewrite must be one of auto, always, never, got True"),
    ({"on_error": "ignore"}, "on_error must be one of passthrough, raise, got 'ignore'"),
    ({"on_error": None}, "on_error must be one of passthrough, raise, got None"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD_OPTIONS, ids=str)
def test_an_option_that_cannot_work_is_refused_by_its_value(overrides: Overrides, message: str) -> None:
    optimizer = FakeOptimizer()
    with pytest.raises(ValueError, match=message):
        Options(**overrides)
    with pytest.raises(ValueError, match=message):
        optimizer.optimize(TIDES, **overrides)
    with pytest.raises(ValueError, match=message):
        PromptOptimizer.from_pretrained(engine=FakeEngine(), **overrides)
    assert optimizer.calls == []


@pytest.mark.parametrize("mode", ["stable", "AGGRESSIVE", None, 0.6])
def test_a_mode_that_is_no_sampling_config_is_refused_by_its_value(mode: Any) -> None:
    with pytest.raises(TypeError, match=rf"mode must be STABLE, AGGRESSIVE or a SamplingConfig, got {mode!r}"):
        FakeOptimizer().optimize(TIDES, mode=mode)


def test_an_unknown_option_is_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match="temperature"):
        FakeOptimizer().optimize(TIDES, temperature=0.5)  # type: ignore[call-arg]  # the mistake under test


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SamplingConfig(temperature=-0.1), r"temperatures must be >= 0 .*got -0\.1"),
        (lambda: SamplingConfig(retry_temperature=-2), r"temperatures must be >= 0 .*-2"),
        (lambda: SamplingConfig(top_p=0), r"top_p must be in \(0, 1\], got 0"),
        (lambda: SamplingConfig(top_p=1.5), r"top_p must be in \(0, 1\], got 1\.5"),
        (lambda: SamplingConfig(candidates=0), "candidates must be >= 1 .*got 0 and 2"),
        (lambda: SamplingConfig(retries=-1), "retries >= 0, got 1 and -1"),
    ],
)
def test_a_sampling_value_that_cannot_work_is_refused_by_its_value(
    make: Callable[[], SamplingConfig], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_temperature_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="temperatures"):
        SamplingConfig(temperature=value)


@pytest.mark.parametrize("overrides", [{"iterations": 1.5}, {"candidates": 2.5}], ids=str)
def test_a_fraction_where_a_count_belongs_is_refused(overrides: Overrides) -> None:
    with pytest.raises((TypeError, ValueError), match="must be"):
        FakeOptimizer().optimize(TIDES, **overrides)
