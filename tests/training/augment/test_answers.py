"""Plain answers through the teacher's machinery: read, priced, paid for once."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.augment.conftest import AnswerServer
from tests.training.data.teacher_server import Canned, saying
from training.augment.answers import Answers, answer_request, ask_all
from training.data.teaching.config import TeacherConfig
from training.data.teaching.failures import Failure
from training.data.teaching.ledger import Ledger
from training.data.teaching.plan import plan_requests
from training.data.teaching.replies import STATUSES, Answer, read_answer
from training.data.teaching.request import Request


@pytest.fixture
def config(llm: AnswerServer) -> TeacherConfig:
    return TeacherConfig(base_url=llm.url, model="m", concurrency=2, retries=0, price_in=1.0, price_out=2.0)


def ask(requests: Sequence[Request], config: TeacherConfig, folder: Path) -> Answers:
    """As a new process would: with a ledger that is read from the disk."""
    with closing(Ledger(folder)) as ledger:
        return ask_all(requests, config, ledger, progress=False)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (saying(" Yes.\n"), "ok", "Yes."),
        (saying('{"a": 1}'), "ok", '{"a": 1}'),
        (saying("<think>Hm, <think>?</think>\nYes."), "ok", "Yes."),
        (saying("Yes. <think>x</think>"), "ok", "Yes. <think>x</think>"),
        (saying("<think>x</think> "), "empty", ""),
        (saying("Ye", finish_reason="length"), "cut", ""),
        (saying("No", refusal="I must not."), "refused", ""),
        (saying("", finish_reason="content_filter"), "refused", ""),
        (saying(None), "empty", ""),
        (saying([{"type": "text", "text": "Yes"}]), "unreadable", ""),
        (saying("\ud83d"), "unreadable", ""),
        ({"error": {"code": "content_filter", "message": "no"}}, "refused", ""),
    ],
)
def test_an_answer_is_text_or_has_the_name_of_what_is_wrong(body: dict[str, Any], status: str, text: str) -> None:
    answer = read_answer(body)
    assert (answer.status, answer.text) == (status, text)
    assert status in STATUSES
    assert bool(answer.detail) == (status != "ok")


def test_original_and_rewrite_of_a_row_are_sampled_alike(config: TeacherConfig) -> None:
    one, other = answer_request("a", "Why?", config), answer_request("a", "Why, exactly?", config)
    assert one.body["seed"] == other.body["seed"] != answer_request("b", "Why?", config).body["seed"]
    assert one == answer_request("a", "Why?", replace(config, base_url="http://elsewhere/v1", concurrency=1))
    others = [replace(config, **change) for change in ({"model": "n"}, {"temperature": 0.1}, {"max_tokens": 9})]
    assert len({one.key, other.key, *(answer_request("a", "Why?", changed).key for changed in others)}) == 5
    assert "seed" not in answer_request("a", "Why?", replace(config, params={"seed": None})).body


def test_every_request_is_paid_for_once(llm: AnswerServer, config: TeacherConfig, tmp_path: Path) -> None:
    requests = [answer_request(str(number), "Why?", config) for number in range(5)]
    first = ask([*requests, requests[0]], config, tmp_path)
    again = ask(requests, config, tmp_path)
    assert (first.asked, again.asked, llm.requests) == (5, 0, 5)
    assert again.found == first.found
    assert again.found[requests[0].key] == Answer("ok", "About 'Why?'", "", "m-served", 100, 40)
    assert again.cost == first.cost == pytest.approx(5 * (100 * 1 + 40 * 2) / 1e6)


def test_failures_are_named_and_asked_again(llm: AnswerServer, config: TeacherConfig, tmp_path: Path) -> None:
    requests = [answer_request("a", prompt, config) for prompt in ("good", "busy", "gone")]
    llm.canned = {"busy": Canned(503, {}), "gone": Canned(200, "<html>")}
    found = ask(requests, config, tmp_path).found
    assert [found[request.key].status for request in requests] == ["ok", "http_503", "malformed"]
    llm.canned = {}
    assert ask(requests, config, tmp_path).asked == 2


def test_the_limit_counts_what_was_paid_before(llm: AnswerServer, config: TeacherConfig, tmp_path: Path) -> None:
    requests = [answer_request(str(number), "Why?", config) for number in range(9)]
    limited = replace(config, concurrency=1, max_usd=3 * 180e-6)
    for asked in (3, 0):
        found = ask(requests, limited, tmp_path)
        assert (found.asked, llm.requests) == (asked, 3)
        assert "are spent" in found.stopped
        assert sum(isinstance(one, Failure) for one in found.found.values()) == 6


def test_a_missing_key_is_said_before_the_first_request(
    llm: AnswerServer, config: TeacherConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUGMENT_TEST_KEY", raising=False)
    keyed = replace(config, api_key_env="AUGMENT_TEST_KEY")
    with pytest.raises(ValueError, match="AUGMENT_TEST_KEY"):
        ask([answer_request("a", "Why?", keyed)], keyed, tmp_path)
    assert llm.requests == 0


def test_a_plan_measures_from_the_first_answers_on(config: TeacherConfig, llm: AnswerServer, tmp_path: Path) -> None:
    requests = [answer_request(str(number), "Why?", config) for number in range(10)]
    thumb = plan_requests(requests, config, Ledger(tmp_path), 300)
    assert (thumb.rows, thumb.answered, thumb.measured, thumb.completion_tokens) == (10, 0, 0, 3000)
    ask(requests[:4], config, tmp_path)
    measured = plan_requests(requests, config, Ledger(tmp_path), 300)
    assert (measured.answered, measured.measured) == (4, 4)
    assert (measured.prompt_tokens, measured.completion_tokens) == (600, 240)
    assert measured.usd == pytest.approx(6 * 180e-6)
