"""The judge-free metrics: their arithmetic, every check, the tasks, and runs on the real models."""

import asyncio
import inspect
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpo_model import GenerationError
from bpo_model.compare.types import Message, Reply
from bpo_model.testing import FakeOptimizer, add_please
from evals.quality.__main__ import main
from evals.quality.checks import CHECKS, passes
from evals.quality.controls import SUFFIX, bag_of_good_words, others
from evals.quality.health import Rewriter, answered, describe, health
from evals.quality.likelihood import CAVEATS, Triple, likelihood, triples
from evals.quality.measures import paired, share, sign_flip_p, spread
from evals.quality.report import to_markdown
from evals.quality.tasks import MATH, Task, load_tasks, prevented, score, summary
from evals.quality.texts import chrf, distinct

TASKS = load_tasks()


def fake(rewrite: Any = add_please) -> Rewriter:
    return FakeOptimizer(rewrite).optimize_batch


def kept(text: str) -> str:
    return text


# Arithmetic


@pytest.mark.parametrize(
    ("text", "reference", "score"),
    [
        ("the cat", "the cat", 100.0),
        ("abc", "xyz", 0.0),
        ("", "abc", 0.0),
        # Orders 1 and 2: precision (1 + 1) / 2, recall (2/3 + 1/2) / 2 = 7/12, F2 = 5 * 7/12 / (4 + 7/12).
        ("ab", "abc", 100 * 35 / 55),
        # The other way round precision is 7/12 and recall 1, which counts more.
        ("abc", "ab", 100 * 35 / 40),
        # A repetition matches once: precision 1/2, recall 1.
        ("aa", "a", 100 * 2.5 / 3),
        ("a b c", "abc", 100.0),
        ("ABC", "abc", 0.0),
    ],
)
def test_chrf_is_what_the_formula_gives_by_hand(text: str, reference: str, score: float) -> None:
    assert chrf(text, reference) == pytest.approx(score)


def test_distinct_4_counts_runs_of_four_words_over_all_texts() -> None:
    assert distinct(["a b c d e", "A b c d"]) == pytest.approx(2 / 3, abs=1e-4)
    assert distinct(["a b c"]) is None


def test_a_share_has_the_interval_of_wilson() -> None:
    assert share([True] * 5 + [False] * 5) == {"n": 10, "count": 5, "share": 0.5, "interval": [0.2366, 0.7634]}
    assert share([False] * 10)["interval"] == [0.0, 0.2775]
    assert share([]) == {"n": 0, "count": 0, "share": None, "interval": None}


def test_sign_flips_agree_with_all_flips_counted() -> None:
    # Of 2^4 sign patterns two are as extreme as four equal signs, and ten as 2 + 1 - 1 - 1 ...
    assert sign_flip_p(np.ones(4)) == pytest.approx(2 / 16, abs=0.01)
    differences = np.array([3.0, 2.0, -1.0, 0.5, 0.1])
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in itertools.product(*[(1, -1)] * 5)
    ]
    exact = sum(value >= abs(differences.sum()) - 1e-9 for value in sums) / 32
    assert sign_flip_p(differences) == pytest.approx(exact, abs=0.015)


def test_no_difference_has_p_1_and_no_items_have_no_mean() -> None:
    assert paired([1.0, 2.0], [1.0, 2.0])["p"] == 1.0
    assert paired([], [])["mean"] is None
    assert spread([]) == {"n": 0, "median": None, "p90": None}
    assert spread([2.0]) == {"n": 1, "median": 2.0, "p90": 2.0}
    assert spread([float(n) for n in range(11)]) == {"n": 11, "median": 5.0, "p90": 9.0}


# Health


def test_a_rewriter_that_does_nothing_scores_like_a_copy() -> None:
    rows = [{"prompt": "capital of Peru", "optimized_prompt": "What is the capital of Peru?"}]
    report = health(rows, fake(kept), fake(kept))
    assert report["sent"] == report["first candidate"] == report["copy"]
    assert report["sent"]["unchanged"]["share"] == 1.0
    assert report["nearer to the reference than a copy"]["mean"] == 0.0
    assert report["reference"]["chrf_reference"] == 100.0


def test_an_answer_is_rejected_before_it_is_sent_and_counted_as_the_first_candidate() -> None:
    report = health(
        [{"prompt": "What is the capital of Peru?"}], fake(lambda text: "Lima is the capital of Peru."), fake()
    )
    assert report["reasons"] == {"rejected": 1}
    assert report["sent"]["unchanged"]["count"] == 1
    assert report["first candidate"]["answered"]["share"] == 1.0
    assert report["first candidate"]["contract"]["share"] == 0.0
    assert "still_a_request" in report["first candidate"]["failed"]
    assert "reference" not in report


def test_prompts_that_the_model_never_saw_have_no_first_candidate() -> None:
    report = health([{"prompt": ""}, {"prompt": "tell me about tea"}], fake(), fake())
    assert (report["sent"]["n"], report["first candidate"]["n"]) == (2, 1)


def test_idempotence_is_of_the_rewrites_and_asks_another_optimizer() -> None:
    rows = [{"prompt": "tell me about tea"}, {"prompt": ""}]
    assert health(rows, fake(), fake(kept))["idempotent"]["share"] == 1.0
    more = fake(lambda text: f"{text} Add a story.")
    assert health(rows, fake(), more)["idempotent"] == {**share([False]), "reasons": {"rewritten": 1}}


def test_the_length_ratio_is_in_characters_and_of_the_rewritten() -> None:
    rows = [{"prompt": "tell me about tea"}, {"prompt": ""}]
    assert health(rows, fake(lambda text: f"{text} and {text[8:]}"), fake())["sent"]["length_ratio"] == {
        "n": 1, "median": round((2 * 17 - 8 + 5) / 17, 3), "p90": round((2 * 17 - 8 + 5) / 17, 3),
    }  # fmt: skip


def test_a_reference_that_breaks_the_contract_is_counted_as_such() -> None:
    rows = [{"prompt": "best laptop under $800", "optimized_prompt": "Which laptop is best?"}]
    report = health(rows, fake(kept), fake(kept))["reference"]
    assert report["contract"]["count"] == 0
    assert report["failed"]["numbers_kept"] == 1


def test_pasted_context_is_not_taken_for_an_answer() -> None:
    mail = "Sure, here is the plan. The answer is: Tuesday."
    prompt = f"Shorten this e-mail:\n\n{mail}"
    assert not answered(prompt, f"Shorten this e-mail and keep its tone:\n\n{mail}")
    assert answered(prompt, f"Sure, here is a short e-mail:\n\n{mail}")


def test_a_column_of_no_texts_is_empty_and_no_error() -> None:
    found = describe([])
    assert (found["n"], found["distinct4"], found["chrf_source"]) == (0, None, None)


# Checks and tasks

EXAMPLES: list[tuple[str, dict[str, Any], str, str]] = [
    ("number", {"value": 1200}, "That is 3 x 400 = **1,200**.", "It is 1200, not 12."),
    ("number", {"value": -2.5}, "x = -2.5", "x = 2.5"),
    ("words", {"count": 2}, "Blue, deep", "blue"),
    ("words_between", {"least": 1, "most": 2}, "a b", "a b c"),
    ("sentences", {"count": 2}, "It snows. Is it cold?", "It snows, 3.5 cm."),
    ("lines", {"count": 2}, "a\n\nb", "a b"),
    ("lower_case", {}, "a plum.", "A plum."),
    ("upper_case", {}, "GOOD LUCK 7!", "Good LUCK"),
    ("json_list", {"length": 1}, '```json\n["Nile"]\n```', '["Nile", 2]'),
    ("json_list", {"length": 0}, "[]", "Here is a list: []"),
    ("json_object", {"keys": ["a", "b"]}, '{"b": 1, "a": 2}', '{"a": 1}'),
    ("without", {"texts": ["e"]}, "Drums go boom", "Every drum"),
    ("contains", {"texts": ["cozy"], "times": 2}, "Cozy, so cozy", "cozy"),
    ("starts_with", {"text": "Dear Anna"}, "Dear Anna, hi", "Hi, dear Anna"),
    ("ends_with", {"text": "the end"}, 'And so on. "The End."', "The end of it"),
    ("wrapped", {"start": "<<", "end": ">>"}, "<<Bees>>", "<<>>"),
    ("one_of", {"options": ["yes"]}, '**Yes!**', "Yes, it is"),
    ("bullets", {"count": 2}, "- a\n* b", "- a\nb"),
    ("numbered", {"count": 2}, "Tea:\n1. boil\n2) pour", "1. boil\n1. pour"),
    ("separated", {"by": ",", "count": 2}, "Peru, Chad", "Peru,\nChad"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "right", "wrong"), EXAMPLES, ids=lambda value: str(value)[:20])
def test_a_check_tells_right_from_wrong(name: str, args: dict[str, Any], right: str, wrong: str) -> None:
    assert [passes(answer, name, args) for answer in (right, f"\n {right} ", wrong, "", " \n")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_every_check_has_an_example_and_a_task() -> None:
    assert set(CHECKS) == {name for name, *_ in EXAMPLES} == {task.check["name"] for task in TASKS}


def test_there_are_sixty_tasks_of_each_sort_with_ids_of_their_own() -> None:
    math = [task for task in TASKS if task.kind in MATH]
    assert len(math) >= 60
    assert len(TASKS) - len(math) >= 60
    assert len({task.id for task in TASKS}) == len(TASKS)
    assert all((task.check["name"] == "number") == (task.kind in MATH) for task in TASKS)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_the_check_of_a_task_takes_its_arguments(task: Task) -> None:
    inspect.signature(CHECKS[task.check["name"]]).bind("answer", **task.check["args"])
    known = {"number": "value", "one_of": "options"}.get(task.check["name"])
    solutions = np.atleast_1d(task.check["args"][known]).tolist() if known else []
    assert all(task.passed(f"{solution}") for solution in solutions)
    assert not task.passed("")


def test_no_task_is_like_another() -> None:
    words = {task.id: set(re.findall(r"[a-z]+", task.prompt.lower())) for task in TASKS}
    alike = [
        (one, other)
        for one, other in itertools.combinations(words, 2)
        if len(words[one] & words[other]) > 0.6 * len(words[one] | words[other])
    ]
    assert alike == []


class Parrot:
    """A target that answers with a function of the prompt and counts what it is asked."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.asked = answers, list[str]()

    async def __call__(self, messages: Sequence[Message], **params: Any) -> Reply:
        assert params["temperature"] == 0
        self.asked.append(messages[-1]["content"])
        if messages[-1]["content"] not in self.answers:
            raise GenerationError("no answer")
        finish = "length" if "brief" in messages[-1]["content"] else "stop"
        return Reply(self.answers[messages[-1]["content"]], finish_reason=finish)


def task(name: str, prompt: str, kind: str = "choice") -> Task:
    return Task(name, kind, prompt, {"name": "one_of", "args": {"options": ["yes"]}})


TWO = [task("a", "is tea hot"), task("b", "is ice hot")]
NICE = {"is tea hot": "is tea hot? Be brief.", "is ice hot": "is ice hot? Be brief."}


def nice(prompts: Sequence[str]) -> Any:
    return FakeOptimizer(lambda text: NICE[text]).optimize_batch(prompts)


async def test_a_broken_and_a_mended_task_are_named_and_cancel_out() -> None:
    chat = Parrot(
        {"is tea hot": "Yes.", "is tea hot? Be brief.": "no", "is ice hot": "no", "is ice hot? Be brief.": "yes"}
    )
    outcomes = await score(chat, TWO, {"nice": nice, "none": fake(kept)}, concurrency=2)
    found = summary(outcomes["nice"])
    assert (found["broken"], found["mended"]) == (["a"], ["b"])
    assert found["tasks"]["a"]["answers"] == ["Yes.", "no"]
    assert found["groups"]["all"]["difference"]["mean"] == 0.0
    assert found["groups"]["math"]["difference"]["n"] == 0
    assert found["groups"]["all"]["cut"] == [0, 2]
    assert prevented(outcomes["none"], outcomes["nice"])["gained"] == 1
    assert len(chat.asked) == len(set(chat.asked)) == 4


async def test_a_task_that_was_left_alone_is_a_tie_and_asked_once() -> None:
    chat = Parrot({"is tea hot": "yes", "is ice hot": "no"})
    found = summary((await score(chat, TWO, {"none": fake(kept)}))["none"])
    assert (found["broken"], found["mended"], found["reasons"]) == ([], [], {"unchanged": 2})
    assert found["groups"]["all"]["difference"]["interval"] == [0.0, 0.0]
    assert found["groups"]["rewritten"]["original"]["n"] == 0
    assert len(chat.asked) == 2


async def test_an_endpoint_that_fails_ends_the_measurement_instead_of_losing_tasks() -> None:
    with pytest.raises(ExceptionGroup):
        await score(Parrot({"is tea hot": "yes"}), TWO, {"none": fake(kept)})


async def test_rewriting_does_not_block_the_loop_of_the_endpoint() -> None:
    turns: list[str] = []

    def slow(prompts: Sequence[str]) -> Any:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=10)
        turns.append("rewritten")
        return fake(kept)(prompts)

    loop = asyncio.get_running_loop()
    await score(Parrot(dict.fromkeys(NICE, "yes")), TWO, {"slow": slow})
    assert turns == ["rewritten"]


# Likelihood


class Overlap:
    """A language model that finds answers likelier whose words stand in the prompt."""

    name = "overlap"

    def mean_logprob(self, prompt: str, answer: str) -> float:
        known = set(prompt.lower().split())
        return float(np.mean([0.0 if word in known else -1.0 for word in answer.lower().split()]))


ITEMS = [
    Triple("tell me about tea", "china grows tea", "it is tasty"),
    Triple("tell me about ice", "frozen water", "it is cold"),
]


def test_a_gain_is_the_margin_of_the_rewrite_minus_that_of_the_prompt() -> None:
    found = likelihood(ITEMS, fake(lambda text: f"{text} and why it is so"), Overlap())
    # "it" and "is" of the bad answers stand in the rewrites: each margin falls by two thirds.
    assert found["gains"]["rewrite"]["mean"] == pytest.approx(-2 / 3, abs=1e-3)
    assert found["gains"]["static suffix"]["mean"] == 0.0
    assert found["gains"]["good-only words"]["mean"] > 0.5
    assert found["rewrite minus control"]["static suffix"]["mean"] == found["gains"]["rewrite"]["mean"]
    assert found["original prefers good"]["count"] == 1
    assert found["caveats"] == list(CAVEATS)


def test_prompts_that_were_left_alone_are_no_sample() -> None:
    found = likelihood(ITEMS, fake(kept), Overlap())
    assert (found["triples"], found["rewritten"], found["gains"]["rewrite"]["n"]) == (2, 0, 0)


def test_the_report_shows_gains_beside_their_controls_with_all_caveats() -> None:
    found = likelihood(ITEMS, fake(lambda text: f"{text} and why it is so"), Overlap())
    text = to_markdown({"conditions": {"machine": "m"}, "likelihood": found})
    assert "| rewrite | -0.667 [" in text
    assert "| another item's rewrite | " in text
    assert all(f"* {caveat}" in text for caveat in CAVEATS)


def test_rows_without_two_answers_are_no_triples() -> None:
    rows = [
        {"prompt": "a", "good_res": "x", "bad_res": "y"},
        {"prompt": "b", "good_res": "x", "bad_res": " "},
        {"prompt": "c", "good_res": "x", "bad_res": "x"},
        {"prompt": "d"},
    ]
    assert triples(rows) == [Triple("a", "x", "y")]


def test_controls_know_nothing_of_the_prompt_or_too_much_of_the_answer() -> None:
    assert others(["a", "b", "c"]) == ["b", "c", "a"]
    bag = bag_of_good_words("about tea", "China grows tea; China exports", "China drinks", "about tea and ice")
    assert bag == "about tea grows exports"
    assert SUFFIX[-1] == "."


# Real models


def test_a_whole_run_writes_json_and_markdown(tmp_path: Path) -> None:
    prompts = ["tell me about the history of tea", "best laptop under $800", "hi", "2 + 2 = ?"]
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts), encoding="utf-8")
    arguments = ["--prompts", str(file), "--out", str(tmp_path), "--only", "tasks,health", "--every", "60"]
    assert main(arguments) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(report) == ["conditions", "health", "tasks"]
    assert report["health"]["reasons"]["small_talk"] == report["health"]["reasons"]["math_problem"] == 1
    assert report["health"]["sent"]["contract"]["share"] == 1.0
    assert report["tasks"]["modes"]["gate"]["n"] == len(TASKS[::60])
    assert "math_problem" not in report["tasks"]["modes"]["no gate"]["reasons"]
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert all(part in text for part in ("## Health", "## Tasks", report["conditions"]["machine"]))


def test_prompts_are_asked_for_where_they_are_needed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (["--out", str(tmp_path)], ["--out", str(tmp_path), "--only", "healht"]):
        with pytest.raises(SystemExit):
            main(arguments)
    said = capsys.readouterr().err
    assert "need --prompts" in said
    assert "healht is not one of health, likelihood, tasks" in said


@pytest.mark.heavy
def test_the_likelihood_is_that_of_the_whole_sequence_computed_by_hand(request: pytest.FixtureRequest) -> None:
    import torch

    from evals.quality.torch_lm import TorchLM

    threads = torch.get_num_threads()
    model = TorchLM()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    ids = model._tokens(model._framed("What is the capital of France?")), model._tokens("It is Paris.")
    with torch.inference_mode():
        table = model._model(input_ids=torch.tensor([ids[0] + ids[1]])).logits[0].log_softmax(-1)
    each = [float(table[len(ids[0]) - 1 + place, token]) for place, token in enumerate(ids[1])]
    question = "What is the capital of France?"
    assert model.mean_logprob(question, "It is Paris.") == pytest.approx(np.mean(each), abs=1e-4)
    assert model.mean_logprob(question, "It is Paris.") > model.mean_logprob(question, "Is Paris it banana.")
    items = [Triple("what is the capital of France", "It is Paris.", "No idea."), *ITEMS]
    found = likelihood(items, fake(), model)
    assert (found["rewritten"], found["gains"]["rewrite"]["n"]) == (3, 3)
    assert abs(found["gains"]["rewrite"]["mean"]) < 5
