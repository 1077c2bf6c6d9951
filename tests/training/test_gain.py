"""Pairs without a teacher: the scorer, the leak check, best of K, the controls and the reward."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bpo_model import PromptOptimizer
from bpo_model.cores import default_threads
from bpo_model.errors import GenerationError
from bpo_model.testing import FakeOptimizer
from training.gain.__main__ import main
from training.gain.best import best_of_k
from training.gain.controls import LEAKED, OTHER, REFERENCE, control_table, to_markdown
from training.gain.draw import Draft, Drawn, OptimizerDraw
from training.gain.items import Item, read_items, usable
from training.gain.judge import margins_of
from training.gain.leak import leak
from training.gain.ledger import Ledger
from training.gain.reward import FLOOR, reward_with
from training.gain.scorer import MAX_ANSWER_TOKENS, Likelihood, Scorer
from training.pairs import make_rows, read_pairs

SUBJECTS = ("tea", "rain", "bridges", "bees", "maps", "chess", "salt", "trains", "clouds", "bread", "owls", "ink")
PAIRS = [
    ("tell me about tea", "Tea is a hot drink."),
    ("tell me about tea", "I do not know, and I would rather talk about something else that is far away from it."),
    ("tell me about tea and its history", "Tea is a hot drink."),
    ("What is 2 + 2?", "4"),
    ("What is 2 + 2?", "It is four, since two and two make four."),
]


def item(subject: str, **fields: str) -> Item:
    answers = {"chosen": f"Good words on {subject}.", "rejected": "Nothing to say."}
    return Item(**{"id": subject, "source": "own", "prompt": f"Tell me about {subject}.", **answers, **fields})


class Rules:
    """A scorer with known results: a phrase in the prompt makes the good answer likelier by so many nats."""

    name = "rules"

    def __init__(self, **gains: float) -> None:
        self.gains = gains
        self.scored: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Likelihood]:
        self.scored += pairs
        return [Likelihood(-20.0 + self._bonus(prompt) * answer.startswith("Good"), 10) for prompt, answer in pairs]

    def problem(self, prompt: str, *answers: str) -> str:
        return "too_long" if len(prompt) > 500 else ""

    def _bonus(self, prompt: str) -> float:
        margin = -3.0  # of every prompt, so that it cancels out
        return margin + sum(gain for word, gain in self.gains.items() if word in prompt)


class Recorder:
    """A generator that writes down what it is given; `rewrites` are put behind every prompt."""

    name = "recorder"

    def __init__(self, *rewrites: str, stop_at: int = 10**9) -> None:
        self.rewrites, self.stop_at = rewrites, stop_at
        self.given: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> list[Drawn]:
        if len(self.given) + len(prompts) > self.stop_at:
            raise KeyboardInterrupt
        self.given += prompts
        return [[Draft(f"{prompt} {rewrite}".strip()) for rewrite in self.rewrites] for prompt in prompts]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def scorer(base: tuple[Any, Any]) -> Iterator[Scorer]:
    """The real base as the scorer, with the threads that the command uses."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(default_threads())
    yield Scorer(*base, name="base")
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def alone(scorer: Scorer) -> list[Likelihood]:
    """Every pair scored by itself."""
    return [scorer.score([pair])[0] for pair in PAIRS]


@pytest.mark.parametrize("batch_tokens", [None, 64, 4096])
def test_a_likelihood_does_not_depend_on_what_is_scored_with_it(
    base: tuple[Any, Any], alone: list[Likelihood], batch_tokens: int | None
) -> None:
    together = Scorer(*base, batch_tokens=batch_tokens).score([*PAIRS, PAIRS[0]])
    expected = [*alone, alone[0]]
    assert [one.total for one in together] == pytest.approx([one.total for one in expected], abs=1e-4)
    assert [one.tokens for one in together] == [one.tokens for one in expected]


def test_a_likelihood_is_the_models_own_after_its_chat_template(base: tuple[Any, Any], scorer: Scorer) -> None:
    import torch

    model, tokenizer = base
    prompt, answer = PAIRS[0]
    turn = [{"role": "user", "content": prompt}]
    head = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
    ids = torch.tensor([[*head, *tokenizer(answer)["input_ids"]]])
    labels = ids.clone()
    labels[0, : len(head)] = -100
    with torch.inference_mode():
        loss = model(input_ids=ids, labels=labels).loss.item()
    assert scorer.score([(prompt, answer)])[0].mean == pytest.approx(-loss, abs=1e-4)


def test_only_the_beginning_of_a_long_answer_counts(scorer: Scorer) -> None:
    long, longer = scorer.score([("count", "one two " * length) for length in (300, 400)])
    assert long.tokens == MAX_ANSWER_TOKENS
    assert long == longer


def test_scored_text_cannot_bring_special_tokens(scorer: Scorer) -> None:
    assert scorer.score([("hi", "<|im_end|>")])[0].tokens > 1


def test_what_cannot_be_scored_is_named(scorer: Scorer) -> None:
    assert scorer.problem("hi", "yes", "no") == ""
    assert scorer.problem("hi", "yes", " \n") == "no_answer"
    assert scorer.problem("hi " * 10_000, "yes") == "too_long"
    with pytest.raises(ValueError, match="too_long"):
        scorer.score([("hi " * 10_000, "yes")])


@pytest.mark.slow
def test_real_rewrites_gain_more_than_those_of_other_prompts(data: Path, scorer: Scorer) -> None:
    found, _ = usable(read_items(data / "testsets" / "bpo_test.json"), scorer)
    changed = [one for one in found if one.reference != one.prompt]
    short = [one for one in changed if len(one.prompt + one.reference + one.chosen + one.rejected) < 400][:8]
    references = [one.reference for one in short]
    real, shuffled, original = (
        margins_of(list(zip(short, prompts, strict=True)), scorer)
        for prompts in (references, references[1:] + references[:1], [one.prompt for one in short])
    )
    gains = [[(new - old).total for new, old in zip(some, original, strict=True)] for some in (real, shuffled)]
    assert len(short) == 8
    assert sum(gains[0]) / 8 > sum(gains[1]) / 8 + 3


PROMPT = "What should I see in Rome in one day?"
GOOD = (
    "Start early at the Colosseum, walk through the Forum, have lunch in Trastevere, then visit the Pantheon, "
    "throw a coin into the Trevi fountain and end the evening on the Spanish Steps."
)
BAD = "Rome has many sights. The Colosseum is popular, and so is the food, but one day is too short for all."


@pytest.mark.parametrize("words", [5, 8, 20])
def test_the_answers_first_words_are_a_leak(words: int) -> None:
    planted = " ".join([PROMPT, *GOOD.split()[:words]])
    assert leak(PROMPT, planted, GOOD, BAD)


def test_the_answers_words_in_any_order_are_a_leak() -> None:
    planted = f"{PROMPT} Cover Trevi, Pantheon, Spanish and Trastevere."
    assert leak(PROMPT, planted, GOOD, BAD) == "4 of 5 added words"


@pytest.mark.parametrize("answer", ["Positive", "Not spam.", "Yes", "42", "🙂", "罗马"])
def test_the_whole_of_a_short_answer_is_a_leak(answer: str) -> None:
    prompt = f"Is this Positive or Negative, spam or Not spam? {BAD}"
    assert leak(prompt, f"{prompt} {answer}", answer, "Negative")


@pytest.mark.parametrize(
    "rewrite",
    [
        "What should I see in Rome in one day? Describe the most important sights and plan the evening.",
        "Which sights in Rome can be seen in one day? Give an hourly plan with the time to walk between them.",
        "In one day, what should I see in Rome?",
    ],
)
def test_what_anybody_would_write_is_no_leak(rewrite: str) -> None:
    assert leak(PROMPT, rewrite, GOOD, BAD) == ""


def test_words_of_both_answers_are_no_leak() -> None:
    rewrite = f"{PROMPT} The Colosseum, popular sights and food."
    assert leak(PROMPT, rewrite, BAD, f"{GOOD} {BAD}") == ""
    assert leak(PROMPT, rewrite, BAD, GOOD)


def test_words_of_the_bad_answer_count_against_words_of_the_good_one() -> None:
    assert leak(PROMPT, f"{PROMPT} Include Forum, Trevi and Pantheon.", GOOD, BAD) == "3 of 4 added words"
    assert leak(PROMPT, f"{PROMPT} Include Forum, Trevi, Pantheon and food.", GOOD, BAD) == ""


def test_moved_words_are_no_leak() -> None:
    prompt = "List the main causes of war, and for each of them name one famous battle."
    rewrite = "For each of them name one famous battle, and list the main causes of war."
    assert leak(prompt, rewrite, f"I shall {prompt} {rewrite}", "No.") == ""


def test_an_answer_without_words_spoils_no_rewrite() -> None:
    assert leak(PROMPT, f"{PROMPT} Answer with one emoji.", "🙂", BAD) == ""


def test_all_planted_leaks_of_a_real_set_are_found(data: Path) -> None:
    found = [one for one in read_items(data / "testsets" / "bpo_test.json") if one.chosen != one.rejected]
    planted = [(one, " ".join([one.prompt, *one.chosen.split()[:20]])) for one in found]
    assert [one.id for one, text in planted if not leak(one.prompt, text, one.chosen, one.rejected)] == []


def test_items_know_the_names_of_datasets_and_name_missing_fields(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    lines = [
        {"prompt": "a?", "good_res": "b", "bad_res": "c", "optimized_prompt": "A?"},
        {"id": "x", "source": "hh", "instruction": "Fix this:", "context": "teh", "chosen": "the", "rejected": "-"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert read_items(file) == [
        Item("mine/1", "mine", "a?", "b", "c", "A?"), Item("x", "hh", "Fix this:\n\nteh", "the", "-"),
    ]  # fmt: skip
    file.write_text('{"prompt": "a?", "chosen": "b"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine, row 1: needs rejected or bad_res as text; got prompt, chosen"):
        read_items(file)


def test_every_row_is_kept_or_rejected_with_a_reason() -> None:
    items = [
        item("tea"), item("tea"), item("rain", rejected="Good words on rain. "), item("maps", prompt=" "),
        item("bees", prompt="bees " * 200),
    ]  # fmt: skip
    kept, rejects = usable(items, Rules())
    assert [one.id for one in kept] == ["tea"]
    assert [(one.id, one.reason) for one in rejects] == [
        ("tea", "duplicate_id"), ("rain", "equal_answers"), ("maps", "empty_prompt"), ("bees", "too_long"),
    ]  # fmt: skip


def test_the_largest_gain_wins_and_training_can_read_it(tmp_path: Path) -> None:
    draw = Recorder("Be brief.", "Explain it in detail.", "Give examples.")
    report = best_of_k([item("tea")], tmp_path, draw, Rules(brief=5, detail=9, examples=1))
    (row,) = rows(tmp_path / "pairs.jsonl")
    assert row["optimized_prompt"] == "Tell me about tea. Explain it in detail."
    assert (row["gain"], row["mean_gain"], row["changed"]) == (9.0, 0.9, True)
    assert [one["gain"] for one in row["candidates"]] == [5.0, 9.0, 1.0]
    assert report["counts"]["pairs"] == 1
    assert make_rows(read_pairs(tmp_path / "pairs.jsonl")).counts() == {"kept": 1}


def test_the_original_stays_when_nothing_gains_enough(tmp_path: Path) -> None:
    best_of_k([item("tea")], tmp_path, Recorder("Be brief.", "Explain it."), Rules(brief=3, Explain=-8), min_gain=4)
    (row,) = rows(tmp_path / "retained.jsonl")
    assert (row["optimized_prompt"], row["gain"], row["changed"]) == (row["prompt"], 0.0, False)
    assert rows(tmp_path / "pairs.jsonl") == []


def test_the_generator_never_sees_an_answer(tmp_path: Path) -> None:
    items, draw, optimizer = [item(subject, reference="A reference.") for subject in SUBJECTS], Recorder(), None
    best_of_k(items, tmp_path / "a", draw, Rules())
    assert draw.given == [one.prompt for one in items]
    optimizer = FakeOptimizer()
    best_of_k(items, tmp_path / "b", OptimizerDraw(optimizer, k=2), Rules())
    assert {text for call in optimizer.calls for text in call} == {one.prompt for one in items}


def test_what_must_not_win_is_dropped_with_its_reason_and_never_scored(tmp_path: Path) -> None:
    best, scorer = item("tea", prompt="Give 3 facts about tea."), Rules(Good=99, many=99)
    drafts = Recorder("", "Good words on tea.", "Be brief.", "Be brief.")

    def draw(prompts: Sequence[str]) -> list[Drawn]:
        extra = [Draft("Give many facts about tea."), Draft("Give 3 f", "contract:finished")]
        return [[*some, *extra] for some in drafts(prompts) if not isinstance(some, GenerationError)]

    best_of_k([best], tmp_path, named(draw), scorer)
    (row,) = rows(tmp_path / "retained.jsonl")
    assert [(one["text"].removeprefix(best.prompt).strip(), one["dropped"]) for one in row["candidates"]] == [
        ("Good words on tea.", "leak"), ("Be brief.", ""),
        ("Give many facts about tea.", "contract:numbers_kept"), ("Give 3 f", "contract:finished"),
    ]  # fmt: skip
    assert {prompt for prompt, _ in scorer.scored} == {best.prompt, f"{best.prompt} Be brief."}


def test_a_run_that_was_cut_off_repeats_nothing(tmp_path: Path) -> None:
    items, scorer = [item(subject) for subject in SUBJECTS], Rules(brief=5)
    cut, rest, none = Recorder("Be brief.", stop_at=8), Recorder("Be brief."), Recorder("Be brief.")
    with pytest.raises(KeyboardInterrupt):
        best_of_k(items, tmp_path, cut, scorer)
    assert not (tmp_path / "pairs.jsonl").exists()
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes() + b'{"key": "torn')
    best_of_k(items, tmp_path, rest, scorer)
    assert cut.given + rest.given == [one.prompt for one in items]
    whole = (tmp_path / "pairs.jsonl").read_bytes()
    best_of_k(items, tmp_path, none, scorer)
    assert none.given == []
    assert (tmp_path / "pairs.jsonl").read_bytes() == whole
    assert len(scorer.scored) == 4 * len(items)


def test_another_minimum_draws_nothing_and_another_answer_does(tmp_path: Path) -> None:
    draw = Recorder("Be brief.")
    for one, min_gain in ((item("tea"), 4), (item("tea"), 6), (item("tea", rejected="No."), 6)):
        best_of_k([one], tmp_path, draw, Rules(brief=5), min_gain=min_gain)
    assert len(draw.given) == 2


def test_a_prompt_without_a_clear_instruction_trains_nothing(tmp_path: Path) -> None:
    draw = Recorder("Be brief.")
    prompt = "Q: How tall is it?\nA: Two metres.\nQ: How old is it?"
    best_of_k([item("few-shot", prompt=prompt)], tmp_path, draw, Rules(brief=9))
    assert [one["reason"] for one in rows(tmp_path / "rejects.jsonl")] == ["unclear_instruction"]
    assert draw.given == []


def test_a_failed_generation_is_named_and_tried_again(tmp_path: Path) -> None:
    draw, items = Recorder("Be brief."), [item("tea"), item("rain")]

    def failing(prompts: Sequence[str]) -> list[Drawn]:
        return [GenerationError("out of memory") if "tea" in prompt else draw([prompt])[0] for prompt in prompts]

    report = best_of_k(items, tmp_path, named(failing), Rules(brief=5))
    assert report["counts"]["rejects"] == {"generation_failed": 1}
    assert rows(tmp_path / "rejects.jsonl")[0]["detail"] == "out of memory"
    report = best_of_k(items, tmp_path, draw, Rules(brief=5))
    assert (report["counts"]["pairs"], report["counts"]["rejects"]) == (2, {})
    assert sorted(draw.given) == sorted(one.prompt for one in items)


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"ledger\.jsonl:1 is damaged"):
        Ledger(tmp_path / "ledger.jsonl")


def test_an_optimizer_gives_its_rejected_candidates_with_their_checks() -> None:
    optimizer = FakeOptimizer(lambda text: text.replace("3", "some"))
    assert OptimizerDraw(optimizer, k=1)(["Give 3 facts about tea.\n\n- green\n- black"]) == [
        [Draft("Give some facts about tea.\n\n- green\n- black", "contract:numbers_kept")]
    ]


def test_an_optimizer_that_fails_gives_its_error() -> None:
    def broken(text: str) -> str:
        raise MemoryError("out of memory")

    (drawn,) = OptimizerDraw(FakeOptimizer(broken), k=2)(["Tell me about tea."])
    assert isinstance(drawn, GenerationError)
    assert "out of memory" in str(drawn)


@pytest.mark.slow
def test_the_real_optimizer_and_the_real_scorer(tmp_path: Path, optimizer: PromptOptimizer, scorer: Scorer) -> None:
    items = [
        item("tea", chosen="Tea is a drink from Asia.", rejected="No."),
        item("best laptop", prompt="best laptop under $800", chosen="It depends on your needs.", rejected="Buy."),
    ]
    report = best_of_k(items, tmp_path, OptimizerDraw(optimizer, k=3), scorer, min_gain=0.5)
    written = rows(tmp_path / "pairs.jsonl") + rows(tmp_path / "retained.jsonl")
    candidates = [one for row in written for one in row["candidates"]]
    assert report["counts"]["pairs"] + report["counts"]["retained"] == 2
    assert len(candidates) >= 2
    assert all((one["gain"] is None) == bool(one["dropped"]) for one in candidates)
    for row in written:
        gains = [one["gain"] for one in row["candidates"] if one["gain"] is not None and one["gain"] >= 0.5]
        assert row["gain"] == max([0.0, *gains])


def named(draw: Callable[[Sequence[str]], list[Drawn]]) -> Any:
    """A function as a generator with the recorder's name."""
    draw.name = Recorder.name  # type: ignore[attr-defined]
    return draw


COLUMNS = {
    "original": ["Give 3 tips.", "Fix this:\n\nteh cat"],
    "chosen": ["Good.", "Good."],
    "rejected": ["-", "--"],
}


def test_a_completion_earns_its_gain_with_the_context_in_place() -> None:
    scorer = Rules(short=6)
    reward = reward_with(scorer)
    completions = ["Give 3 short tips.", [{"role": "assistant", "content": "Fix the short spelling of this:"}]]
    assert reward(["p", "p"], completions, **COLUMNS, completion_ids=[[1], [2]], trainer_state=None) == [6, 6]
    assert ("Fix the short spelling of this:\n\nteh cat", "Good.") in scorer.scored
    assert reward.__name__ == "gain_reward"


def test_nothing_is_worse_than_breaking_the_contract() -> None:
    reward = reward_with(Rules(short=-90))
    assert reward(["p", "p"], ["Give some tips.", "Fix this:"], **COLUMNS) == [FLOOR, 0.0]
    assert reward(["p", "p"], ["Give 3 short tips.", ""], **COLUMNS) == [FLOOR, FLOOR]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="missing: rejected"):
        reward_with(Rules())(["p"], ["Be brief."], original=["a"], chosen=["b"])


def test_the_controls_give_means_errors_shares_and_differences() -> None:
    items = [item("tea", reference="Explain tea well."), item("rain", reference="Explain rain in depth.")]
    table = control_table(items, FakeOptimizer(), Rules(well=2, depth=6))
    real, other = table["arms"][REFERENCE]["total"], table["arms"][OTHER]["total"]
    assert real == {"mean": 4.0, "se": 2.0, "positive": 1.0}
    assert other == real
    assert table["differences"][f"{REFERENCE} - {OTHER}"]["total"] == {"mean": 0.0, "se": 4.0, "positive": 0.5}
    assert table["arms"][LEAKED]["leaks"] == 2
    assert table["arms"][REFERENCE]["leaks"] == 0
    assert "| reference rewrite | +4.0 (2.0) | 100% | +0.400 (0.200) | 100% | 2 | 0 |" in to_markdown(table)


def test_controls_without_references_have_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="optimized_prompt"):
        control_table([item("tea"), item("rain")], FakeOptimizer(), Rules())


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", "--data", str(tmp_path / "none.jsonl"), "--out", str(tmp_path)]) == 1
    assert "there is no file or folder" in capsys.readouterr().err
