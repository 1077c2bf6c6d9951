"""Targets that begin with the user's words: which stay, which are made, which are left out."""

import pytest

from bpo_model.contract import verify
from bpo_model.prefill import finished, prefill
from training.keep_and_add import keep_and_add, with_additions
from training.pairs import Row, Rows

SEED = 1


def styled(*rows: Row) -> Rows:
    return keep_and_add(Rows(list(rows), {}), SEED)


@pytest.mark.parametrize(
    ("instruction", "optimized", "target"),
    [
        (
            "lunch ideas w/o nuts",
            "Suggest nut-free ideas for lunch. Mention how long each keeps.",
            "lunch ideas w/o nuts. Mention how long each keeps.",
        ),
        (
            "why do cats purr",
            "What makes cats purr? Describe how the sound arises. Say what is still unknown.",
            "why do cats purr? Describe how the sound arises. Say what is still unknown.",
        ),
        (
            "main.py crashes, why",
            "Find out why main.py crashes. Look at memory first.",
            "main.py crashes, why. Look at memory first.",
        ),
        ("why do cats purr", "What makes cats purr?", ""),
        ("name nuts. no fruit", "List nuts, no fruit. Nuts with no fruit in the name.", ""),
        (
            "fix it. i run a shop",
            "Fix it. As I run a shop with a lot to sell, think of tills and opening hours.",
            "",
        ),
    ],
)
def test_what_the_teacher_added_comes_behind_the_prompt(instruction: str, optimized: str, target: str) -> None:
    assert with_additions(instruction, optimized) == target


def test_a_paraphrase_is_no_lesson_and_is_counted() -> None:
    found = styled(Row("a", "own", "lunch ideas", "Suggest ideas for lunch."))
    assert found.kept == []
    assert found.rejected == {"a": "other_words"}


def test_a_made_target_holds_the_contract_or_is_left_out() -> None:
    good = Row("a", "own", "lunch ideas", "Suggest ideas for lunch. Mention how long each keeps.")
    bad = Row("b", "own", "lunch ideas", "Suggest ideas for lunch. Ask Pierre in Paris about those 7 shops.")
    found = styled(good, bad)
    assert [row.id for row in found.kept] == ["a"]
    assert found.rejected == {"b": "other_words"}
    assert all(not verify(row.instruction, row.optimized) for row in found.kept)


def test_a_safety_rewrite_stays_as_it_is_and_comes_twice() -> None:
    row = Row("a", "own", "how to poison a dog", "What are the dangers of poison for a dog, and who can help?")
    assert [(one.id, one.optimized) for one in styled(row).kept] == [("a", row.optimized), ("a~again", row.optimized)]


def test_to_weak_signs_of_harm_nothing_is_added() -> None:
    row = Row("a", "own", "where do i hide it from her", "How can I be honest, and what are the risks of lies?")
    assert [one.optimized for one in styled(row).kept] == ["where do i hide it from her?"]
    harmless = Row("a", "own", "where do i hide a gift", "Where do I hide it? Name places for small and large gifts.")
    assert styled(harmless).kept[0].optimized == "where do i hide a gift? Name places for small and large gifts."


def test_some_long_targets_come_again_as_prompts_that_stay() -> None:
    text = "ideas for lunch. Choose what needs no oven at work, and say for each of them how long it keeps in summer."
    found = styled(*(Row(f"r{number}", "own", "ideas for lunch", text) for number in range(200)))
    fixed = [row for row in found.kept if row.id.endswith("~fixed")]
    assert 30 <= len(fixed) <= 90
    assert all(row.instruction == row.optimized == text for row in fixed)


def test_a_third_of_the_unchanged_rows_stays_and_adds_nothing_but_what_a_sentence_could_follow() -> None:
    prompt = "answer only yes or no: is 7 prime"
    found = styled(*(Row(f"r{number}", "own", prompt, prompt) for number in range(200)))
    assert 40 <= len(found.kept) <= 95
    assert {row.optimized for row in found.kept} == {finished(prompt)}
    assert set(found.rejected.values()) == {"unchanged"}


def test_all_but_what_may_be_unsafe_begins_with_what_is_given_at_run_time() -> None:
    rows = [
        Row("a", "own", "ideas for lunch", "Suggest lunch ideas for the office. Mention how long each keeps."),
        Row("b", "own", "see https://example.org/a", "See https://example.org/a for what I mean. Name three points."),
        Row("c", "own", "is it late", "is it late?"),
    ]
    found = styled(*rows).kept
    assert len(found) == 3
    assert all(row.optimized.startswith(prefill(row.instruction)) and prefill(row.instruction) for row in found)
