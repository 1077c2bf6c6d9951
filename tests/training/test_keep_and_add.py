"""Targets that keep the user's words: which stay, which are made, which are left out."""

import pytest

from bpo_model.contract import verify
from training.keep_and_add import keep_and_add, keeps_words, with_additions
from training.pairs import Row, Rows

SEED = 1


def styled(*rows: Row) -> Rows:
    return keep_and_add(Rows(list(rows), {}), SEED)


@pytest.mark.parametrize(
    ("instruction", "optimized", "kept"),
    [
        ("ideas for lunch", "Ideas for lunch? Name vegan ones too.", True),
        ("ideas for lunch", "Suggest quick ideas for a vegan lunch.", True),
        ("lunch ideas", "Suggest ideas for lunch.", False),
        ("fix app.py, no tests", "Fix app.py, no tests. Say what you changed.", True),
        ("fix app.py, no tests", "Fix app.py without tests.", False),
    ],
)
def test_words_in_their_order_are_kept_whatever_stands_between(instruction: str, optimized: str, kept: bool) -> None:
    assert keeps_words(instruction, optimized) is kept


@pytest.mark.parametrize(
    ("instruction", "optimized", "target"),
    [
        (
            "lunch ideas w/o nuts",
            "Suggest nut-free ideas for lunch. Mention how long each keeps.",
            "Lunch ideas w/o nuts. Mention how long each keeps.",
        ),
        (
            "why do cats purr",
            "What makes cats purr? Describe how the sound arises. Say what is still unknown.",
            "Why do cats purr? Describe how the sound arises. Say what is still unknown.",
        ),
        (
            "main.py crashes, why",
            "Find out why main.py crashes. Look at memory first.",
            "main.py crashes, why. Look at memory first.",
        ),
        ("why do cats purr", "What makes cats purr?", ""),
        ("name nuts. no fruit", "List nuts, no fruit. Nuts with no fruit in the name.", ""),
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


def test_some_long_targets_come_again_as_prompts_that_stay() -> None:
    text = (
        "Suggest ideas for lunch at the office that need no oven, and say for each of them how long it keeps in summer."
    )
    found = styled(*(Row(f"r{number}", "own", "ideas for lunch", text) for number in range(200)))
    fixed = [row for row in found.kept if row.id.endswith("~fixed")]
    assert 30 <= len(fixed) <= 90
    assert all(row.instruction == row.optimized == text for row in fixed)
    assert styled(*found.kept[:200]).kept == found.kept


def test_an_unchanged_row_stays_once() -> None:
    row = Row("a", "own", "answer only yes or no: is 7 prime", "answer only yes or no: is 7 prime")
    assert styled(row).kept == [row]
