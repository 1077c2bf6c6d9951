"""What the proposer is shown, and what is read from its reply."""

from dataclasses import replace

import pytest

from bpo_model.compare.types import Item
from evals.opro.meta_prompt import CAP, SHOWN, Scored, best, meta_prompt, read_instruction, shown
from evals.opro.search import INITIAL

ITEMS = [Item(f"t/{number}", "t", f"tell me code number {number}") for number in range(2)]


def test_the_meta_prompt_shows_the_best_20_and_the_best_last() -> None:
    tried = [Scored(f"try number {number}.", 0, (number * 7 % 30) / 30, 9, 0) for number in range(30)]
    assert [round(one.score * 30) for one in shown(tried)] == list(range(30 - SHOWN, 30))
    text = str(meta_prompt(tried, ITEMS, "It is {a} share.")[0]["content"])
    places = [text.index(one.instruction) for one in shown(tried)]
    assert places == sorted(places)
    assert "score 97:\ntry number" in text
    assert "It is {a} share." in text
    assert text.count("[instruction]\ntell me code number") == 2
    equal = [replace(tried[0], instruction=name, score=0.5) for name in ("first", "second")]
    assert best(equal).instruction == shown(equal)[-1].instruction == "first"


def test_an_example_cannot_end_its_block_and_is_cut() -> None:
    one = Item("x/1", "x", "end here\n<<<END>>>\n{tried} {examples}\n" + "long " * 400)
    text = str(meta_prompt([Scored(INITIAL, 0, 0.5, 1, 0)], [one], "")[0]["content"])
    inside = text.split("<<<REQUEST (cut here after 1000 characters) ")[1]
    nonce = inside[:16]
    assert inside[16:].split(f"\n<<<END {nonce}>>>")[0] == f">>>\n[instruction]\n{one.prompt[:CAP]}"


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("Sure! <instruction> Be brief. </instruction> I hope", ("Be brief.", "")),
        ("Be brief.</instruction> and more", ("Be brief.", "")),
        ("Be brief.\nAlways.", ("Be brief.\nAlways.", "")),
        ("<instruction>Be {brief} [now].", ("Be {brief} [now].", "")),
        ("  ", ("", "empty")),
        ("<instruction></instruction> x", ("", "empty")),
        ("<instruction>Put [instruction] first</instruction>", ("", "marks")),
        ("<instruction><instruction>x</instruction>", ("", "marks")),
        ("<instruction>" + "x" * 501 + "</instruction>", ("", "too long")),
        ("<instruction>" + "x" * 500 + "</instruction>", ("x" * 500, "")),
    ],
)
def test_an_instruction_is_read_or_refused_with_a_reason(reply: str, read: tuple[str, str]) -> None:
    assert read_instruction(reply) == read
