"""What a search leaves behind: a split that holds, and an arm that refuses what it was chosen on."""

import json
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.types import Item, Reply
from bpo_model.testing import FakeOptimizer
from evals.opro.found import Found, load_found, prompt_sha, split, with_instruction
from evals.winrate.arms import rewriter
from evals.winrate.experiments import load_experiment, with_targets
from evals.winrate.via import VIAS

ITEMS = [Item(f"s/{number}", "s", f"tell me about topic {number}", "qa") for number in range(400)]


def write(folder: Path, instruction: str = "Be {brief}.", category: str = "qa") -> Path:
    """A result as `python -m evals.opro` writes it, as far as the arm reads it."""
    one = {
        "category": category, "instruction": instruction, "held_out_file": "qa.jsonl",
        "searched": [prompt_sha("tell me about TEA ")],
    }  # fmt: skip
    file = folder / "result.json"
    file.write_text(json.dumps({"v": 1, "searches": [one]}), encoding="utf-8")
    return file


def arm(name: str, items: list[Item]) -> Any:
    async def target(messages: Any, **params: Any) -> Reply:
        raise AssertionError("the arm asks nobody")

    return rewriter(name, items, route=VIAS["raw"](FakeOptimizer(), 1), target=target, seed=0)


def test_the_split_is_by_prompt_alone() -> None:
    train, held = split(ITEMS, 0.8, seed=0)
    assert {item.id for item in train} | {item.id for item in held} == {item.id for item in ITEMS}
    assert not {prompt_sha(item.prompt) for item in train} & {prompt_sha(item.prompt) for item in held}
    assert 290 <= len(train) <= 350
    some = split(ITEMS[50:100][::-1], 0.8, seed=0)
    assert set(some[0]) <= set(train)
    assert set(some[1]) <= set(held)
    assert split(ITEMS, 0.8, seed=1) != (train, held)


def test_prompts_that_differ_in_case_and_space_only_are_on_one_side() -> None:
    twins = [Item(f"t/{item.id}", "t", f" {item.prompt.upper()}\n") for item in ITEMS]
    train, held = split([*ITEMS, *twins], 0.5, seed=0)
    assert (len([item for item in train if item.set == "t"]), len(train)) == (len(train) // 2, len(train))
    assert len(held) % 2 == 0


def test_a_side_without_prompts_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="1 prompts of s split into 1 to search on and 0 held out; both need some"):
        split(ITEMS[:1], 1.0, seed=0)


def test_without_an_instruction_the_prompt_is_the_prompt() -> None:
    assert with_instruction("", "a\nb") == "a\nb"
    assert with_instruction("Be brief.", "a\nb") == "Be brief.\na\nb"


def test_a_category_has_its_own_instruction_and_an_unknown_one_is_named() -> None:
    found = Found({"qa": "One.", "math": "Two."}, frozenset(), (), "")
    assert found.sent(Item("1", "s", "p", "math")) == "Two.\np"
    with pytest.raises(ValueError, match="no instruction was searched for category 'x'; known: math, qa"):
        found.sent(Item("1", "s", "p", "x"))
    assert Found({"": "All."}, frozenset(), (), "").sent(Item("1", "s", "p", "x")) == "All.\np"


async def test_the_arm_sends_the_instruction_in_front_of_the_prompt_and_asks_nobody(tmp_path: Path) -> None:
    rewrite = arm(f"opro:0123:{write(tmp_path)}", ITEMS)
    assert await rewrite(Item("1", "s", "what about {braces}?", "qa")) == [
        {"role": "user", "content": "Be {brief}.\nwhat about {braces}?"}
    ]


def test_the_arm_refuses_prompts_that_were_searched_on(tmp_path: Path) -> None:
    seen = Item("s/tea", "s", "Tell me about  tea", "qa")
    with pytest.raises(ValueError, match="1 of 401 prompts were searched on"):
        arm(f"opro:0123:{write(tmp_path)}", [*ITEMS, seen])


def test_the_arm_without_a_result_says_how_to_get_one() -> None:
    with pytest.raises(ValueError, match=r"run opro:FOLDER/result\.json"):
        arm("opro", ITEMS)


def test_the_experiment_compares_on_the_held_out_prompts_and_knows_other_instructions(tmp_path: Path) -> None:
    file = write(tmp_path)
    mine = with_targets(load_experiment(f"opro:{file}"), {"*": "mine"})
    assert mine.sets == (str(tmp_path / "held_out" / "qa.jsonl"),)
    assert [row.name for row in mine.rows] == [
        "mine+opro vs mine+none", "mine+bpo vs mine+none", "mine+bpo vs mine+opro",
    ]  # fmt: skip
    before = mine.rows[0].a.rewriter
    write(tmp_path, instruction="Be long.")
    after = load_experiment(f"opro:{file}").rows[0].a.rewriter
    assert before != after
    assert after.startswith("opro:")
    assert after.endswith(f":{file}")


def test_only_the_arm_opro_takes_a_result(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="controls has no arm opro"):
        load_experiment(f"controls:{write(tmp_path)}")


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    for content in ("{}", "[1]", "no json", '{"searches": [{"category": "x"}]}'):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"other\.json is no result of python -m evals\.opro"):
            load_found(file)
