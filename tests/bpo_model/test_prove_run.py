"""A whole run against a real server: what is called, what is kept, what is said before and after."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bpo_model.errors import BPOError
from bpo_model.prove import measure
from bpo_model.prove.prompts import read_prompts
from bpo_model.testing import FakeOptimizer
from tests.bpo_model.prove_endpoint import Endpoint, code, prefers, result, rewrite_two_of_three, setup


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()
    yield served
    served.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The statistics have tests of their own."""
    monkeypatch.setattr(measure, "RESAMPLES", 500)
    monkeypatch.setattr(measure, "REFITS", 20)


def test_a_run_keeps_what_helps_and_says_so(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = setup(endpoint, tmp_path)
    assert code(made) == 0
    found, shown = result(made), capsys.readouterr()
    assert (found["verdict"], found["exit_code"], found["more_prompts"]) == ("keep", 0, None)
    assert found["counts"] == {"prompts": 30, "won": 20, "unchanged": 10}
    assert found["effects"]["all prompts"]["dwr"] == pytest.approx(200 / 3)
    assert found["effects"]["changed prompts"]["dwr"] == 100
    assert found["calls"]["answers"] == found["calls"]["judge_replies"] == 40
    assert found["added"]["tokens_in"]["mean"] == pytest.approx(4 * 20 / 30)
    assert found["calls"]["usd"] == pytest.approx(
        (found["calls"]["tokens_in"] + 2 * found["calls"]["tokens_out"]) / 1e6
    )
    assert "At most 40 to the target target and 40 to the judge judge: about $" in shown.err
    assert "keep: Keep it: answers to rewritten prompts win, +66.7 points" in shown.out


def test_the_target_is_sent_the_very_prompts_and_rewrites(endpoint: Endpoint, tmp_path: Path) -> None:
    made = setup(endpoint, tmp_path)
    code(made)
    originals = [case.question for case in made.cases if rewrite_two_of_three(case.question) != case.question]
    assert sorted(endpoint.asked("target")) == sorted([*originals, *map(rewrite_two_of_three, originals)])
    assert all(len(body["messages"]) == 1 for body in endpoint.sent if body["model"] == "target")


def test_of_a_conversation_the_newest_turn_is_rewritten_and_all_of_it_is_judged(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "what is special about topic 4?"}]
    file = tmp_path / "chat.jsonl"
    file.write_text(json.dumps({"messages": turns}) + "\n", encoding="utf-8")
    code(setup(endpoint, tmp_path, cases=read_prompts(file).cases))
    sent = sorted((body["messages"] for body in endpoint.sent if body["model"] == "target"), key=str)
    assert [messages[0] for messages in sent] == [turns[0]] * 2
    assert [messages[1]["content"] for messages in sent] == [turns[1]["content"] + " Please explain your answer.",
                                                             turns[1]["content"]]  # fmt: skip
    assert all("system: Be brief.\n\nuser: what is special" in text for text in endpoint.asked("judge"))


def test_the_judge_sees_the_original_question_only_and_both_orders(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.target = lambda text: "polite" if "Please" in text else "plain"
    code(setup(endpoint, tmp_path))
    asked = endpoint.asked("judge")
    assert len(asked) == 40
    assert all("Please" not in text for text in asked)
    firsts = [text.split("<<<ANSWER A ")[1].split(">>>\n")[1].split("\n")[0] for text in asked]
    assert (firsts.count("polite"), firsts.count("plain")) == (20, 20)


def test_prompts_that_were_left_alone_and_equal_answers_are_never_asked_about(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.target = lambda text: "the same"
    made = setup(endpoint, tmp_path)
    assert code(made) == 5
    assert (len(endpoint.asked("target")), len(endpoint.asked("judge"))) == (40, 0)
    assert result(made)["counts"] == {"prompts": 30, "tied": 20, "unchanged": 10}
    assert not any(f"topic {number}?" in text for number in range(0, 30, 3) for text in endpoint.asked("target"))


def test_the_same_command_calls_nobody_again_and_more_prompts_only_for_themselves(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = setup(endpoint, tmp_path, n=60)
    small = replace(made, cases=made.cases[:20])
    code(small)
    first, calls = result(small), len(endpoint.sent)
    code(small)
    assert len(endpoint.sent) == calls
    assert "Nothing is left to ask." in capsys.readouterr().err
    assert result(small) == first
    code(made)
    assert len(endpoint.sent) == 4 * 40
    assert "This is look 2 at a growing sample (after 20, 60 prompts)" in result(made)["warnings"][-1]


def test_a_dry_run_says_what_it_takes_and_calls_nobody(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = setup(endpoint, tmp_path)
    assert code(made, dry_run=True) == 0
    assert "30 prompts, 20 of them rewritten" in capsys.readouterr().err
    assert endpoint.sent == []
    assert not (made.out / "result.json").exists()


def test_a_limit_stops_and_a_higher_one_goes_on(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = setup(endpoint, tmp_path)
    assert code(replace(made, max_usd=0.0005)) == 3
    assert "goes on" in capsys.readouterr().err
    stopped = len(endpoint.sent)
    assert 0 < stopped < 60
    assert code(replace(made, max_usd=10.0)) == 0
    assert len(endpoint.sent) == 80


def test_a_judge_that_goes_by_the_place_ends_the_run_early(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.judge = lambda text: "[[A]]"
    made = setup(endpoint, tmp_path, n=90)
    assert code(made) == 3
    assert len(endpoint.asked("judge")) == 20
    assert result(made)["verdict"] == "unfit judge"
    assert "10 of 10 pairs" in result(made)["warnings"][0]
    assert "Nothing was spent on the others" in result(made)["warnings"][1]


def test_a_judge_that_cannot_be_read_ends_the_run_early_and_is_asked_again_next_time(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.judge = lambda text: "Hard to say."
    made = setup(endpoint, tmp_path, n=90)
    assert code(made) == 3
    assert "20 of 20 verdicts cannot be read" in result(made)["warnings"][0]
    endpoint.judge = prefers("Please")
    assert code(made) == 0
    assert len(endpoint.asked("target")) == 120


def test_an_endpoint_that_is_down_costs_ten_prompts_and_is_tried_again(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.status = 400  # a refusal, so that nothing waits for a better time
    made = setup(endpoint, tmp_path, n=90)
    assert code(made) == 3
    found = result(made)
    assert (found["verdict"], len(endpoint.sent)) == ("incomplete", 20)
    assert "answered 400" in found["warnings"][0]
    assert (made.out / "report.html").is_file()
    endpoint.status = 200
    assert code(made) == 0


def test_an_optimizer_that_fails_for_one_prompt_is_said(endpoint: Endpoint, tmp_path: Path) -> None:
    def fails(text: str) -> str:
        if " 7?" in text:
            raise RuntimeError("out of memory")
        return rewrite_two_of_three(text)

    made = setup(endpoint, tmp_path, optimizer=FakeOptimizer(fails))
    assert code(made) == 3
    assert "Calls for 1 of 30 prompts failed" in result(made)["warnings"][0]
    assert code(setup(endpoint, tmp_path)) == 0


def test_a_folder_in_use_is_an_error_that_says_so(endpoint: Endpoint, tmp_path: Path) -> None:
    from bpo_model.compare.store import Store

    made = setup(endpoint, tmp_path)
    with Store(made.out / "calls", "prove"), pytest.raises(BPOError, match="is writing to calls"):
        code(made)
