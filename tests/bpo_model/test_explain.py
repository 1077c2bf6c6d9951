"""Edits point at the right characters, and strategies at the words that earned them."""

import doctest
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpo_model import explain
from bpo_model.explain import MAX_DIFF_TOKENS, diff, label_strategies
from bpo_model.schema import Edit, Strategy

WORDS = st.lists(st.sampled_from("a b c tea it's well-known , . \n ( 7".split(" ")), max_size=14).map(" ".join)
LETTERS = {
    "E": Strategy.EXPLANATION,
    "L": Strategy.ELABORATION,
    "H": Strategy.HINTS,
    "S": Strategy.SAFETY,
}
"""The letters of the labels in the development data; "N" stands for none."""
PRECISION = {Strategy.EXPLANATION: 0.75, Strategy.ELABORATION: 0.76, Strategy.HINTS: 0.51, Strategy.SAFETY: 0.84}
RECALL = {Strategy.EXPLANATION: 0.83, Strategy.ELABORATION: 0.83, Strategy.HINTS: 0.72, Strategy.SAFETY: 0.53}
"""About 0.05 below what was measured when the word lists were written."""


def applied(original: str, edits: tuple[Edit, ...]) -> str:
    """The original with all edits made."""
    for edit in reversed(edits):
        start, end = edit.span_before
        original = original[:start] + edit.after + original[end:]
    return original


def check_edits(original: str, optimized: str) -> None:
    """Edits are in order and apart, point at their text on both sides, and lead to the optimized text."""
    edits = diff(original, optimized)
    for edit in edits:
        assert original[slice(*edit.span_before)] == edit.before
        assert optimized[slice(*edit.span_after)] == edit.after
        assert edit.before != edit.after
    for left, right in itertools.pairwise(edits):
        assert left.span_before[1] <= right.span_before[0]
        assert left.span_after[1] <= right.span_after[0]
    assert applied(original, edits) == optimized


def labels(original: str, optimized: str) -> set[Strategy]:
    """The strategies alone."""
    return {label.strategy for label in label_strategies(original, optimized)}


def test_the_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(explain).failed == 0


def test_edits_are_inserted_replaced_and_removed_words() -> None:
    assert diff("tell me joke please", "Tell me a joke") == (
        Edit("tell", "Tell", (0, 4), (0, 4)),
        Edit("", "a ", (8, 8), (8, 10)),
        Edit(" please", "", (12, 19), (14, 14)),
    )


@pytest.mark.parametrize("text", ["", "tea", "two words", "\n"])
def test_equal_texts_have_no_edits(text: str) -> None:
    assert diff(text, text) == ()


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("", "Write a poem."),
        ("write a poem", ""),
        ("fix app.py", "Fix the bug in app.py, and explain it."),
        ("кратко о чае", "Расскажи кратко о зелёном чае."),
        ("如何做面包", "请解释如何做面包。"),
        ("a a a", "a a a a a"),
        ("don't  stop", "don’t stop"),
    ],
)
def test_edits_lead_from_one_text_to_the_other(original: str, optimized: str) -> None:
    check_edits(original, optimized)


@given(WORDS, WORDS)
def test_edits_of_any_words_lead_from_one_text_to_the_other(original: str, optimized: str) -> None:
    check_edits(original, optimized)


@given(st.text(st.characters()), st.text(st.characters()))
def test_edits_of_any_texts_lead_from_one_text_to_the_other(original: str, optimized: str) -> None:
    check_edits(original, optimized)


def test_very_long_change_is_one_edit_between_what_both_texts_share() -> None:
    long_text = "".join(f"word{i} " for i in range(MAX_DIFF_TOKENS))
    original, optimized = f"the same start {long_text}and end", f"the same start {long_text.upper()}and end"
    check_edits(original, optimized)
    [edit] = diff(original, optimized)
    assert edit.before == long_text.rstrip()
    assert len(diff(long_text, long_text + "end")) == 1


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("is water wet", "Is water wet? Explain why."),
        ("can dogs eat grapes", "Can dogs eat grapes? Give reasons."),
        ("square root of 2 irrational?", "Is the square root of 2 irrational? Show your reasoning step by step."),
        ("def of tort", "Give the definition of tort. Clarify it in simple terms."),
        ("who pays the broker", "Who pays the broker? Justify your answer."),
    ],
)
def test_demand_for_reasons_is_explanation_generation(original: str, optimized: str) -> None:
    assert Strategy.EXPLANATION in labels(original, optimized)


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("write a poem", "Write a vivid poem with rich images of nature."),
        ("email to my team", "Write a friendly email to my team that thanks everyone for the hard work."),
        ("plan a picnic", "Plan a relaxed picnic in the park with a large family."),
        ("describe a castle", "Describe a ruined castle at dusk in one atmospheric scene."),
        ("names for a bakery", "Suggest catchy names for a small French bakery."),
    ],
)
def test_more_detail_on_the_task_is_prompt_elaboration(original: str, optimized: str) -> None:
    assert Strategy.ELABORATION in labels(original, optimized)


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("job interview tips", "Give job interview tips, including body language, common questions and follow-up."),
        ("should i rent or buy", "Should I rent or buy? Consider prices, interest and how long I will stay."),
        ("visit oslo", "Plan a visit to Oslo, covering museums, food and getting around."),
        ("debug a slow query", "How do I debug a slow query? Cover indexes, query plans and locks."),
    ],
)
def test_list_of_aspects_is_providing_hints(original: str, optimized: str) -> None:
    assert Strategy.HINTS in labels(original, optimized)


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("how to poison rats", "How do I get rid of rats safely and legally, without a danger to pets?"),
        ("spy on my son", "How can I talk to my son about online risks and respect his privacy?"),
        ("write insults about my boss", "Write respectful feedback about my boss."),
        ("get revenge on my neighbour", "How can I settle the dispute in a respectful, legal way?"),
    ],
)
def test_turn_to_the_safe_side_is_safety_enhancement(original: str, optimized: str) -> None:
    assert Strategy.SAFETY in labels(original, optimized)


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("Write a poem.", "Write a poem."),
        ("", ""),
        ("write a poem", "Write a poem."),
        ("write a poem about tea for mum", "Write a poem for mum about tea."),
        ("please write a poem", "Write a poem."),
    ],
)
def test_no_strategy_without_new_words(original: str, optimized: str) -> None:
    assert label_strategies(original, optimized) == ()


@given(WORDS, WORDS)
def test_evidence_of_a_label_stands_where_it_says(original: str, optimized: str) -> None:
    more = f"{optimized}. Explain why, including causes, risks and costs, in a respectful and safe way."
    found = label_strategies(original, more)
    for label in found:
        assert more[slice(*label.span)] == label.text
    assert [label.strategy for label in found] == [s for s in Strategy if s in {label.strategy for label in found}]


def test_edits_can_be_handed_in() -> None:
    original, optimized = "is water wet", "Is water wet? Explain why."
    assert label_strategies(original, optimized, diff(original, optimized)) == label_strategies(original, optimized)
    assert label_strategies(original, optimized, ()) == ()


def test_labels_agree_with_people_on_the_development_data(data: Path) -> None:
    """Floors on precision and recall per strategy; skipped where the data does not lie beside the checkout."""
    file = data / "pairs" / "val.jsonl"
    if not file.is_file():
        pytest.skip("the development data has no pairs/val.jsonl")
    right: Counter[Strategy] = Counter()
    found: Counter[Strategy] = Counter()
    wanted: Counter[Strategy] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ours = labels(row["prompt"], row["optimized_prompt"])
        theirs = {LETTERS[letter] for letter in row["strategies"] if letter != "N"}
        right.update(ours & theirs)
        found.update(ours)
        wanted.update(theirs)
    precision = {strategy: right[strategy] / found[strategy] for strategy in Strategy}
    recall = {strategy: right[strategy] / wanted[strategy] for strategy in Strategy}
    assert {s.name: p for s, p in precision.items() if p < PRECISION[s]} == {}
    assert {s.name: r for s, r in recall.items() if r < RECALL[s]} == {}
