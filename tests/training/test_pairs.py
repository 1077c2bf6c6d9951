"""Rows for the trainer: what is kept, what is not, and why."""

import json
from pathlib import Path

import pytest

from training.pairs import make_rows, read_pairs


def pair(prompt: str, optimized: str, source: str = "own", id_: str = "1") -> dict[str, str]:
    return {"id": id_, "source": source, "prompt": prompt, "optimized_prompt": optimized}


def test_the_context_is_left_out_of_the_row() -> None:
    context = "\n\nDear Ms Ito,\nthe invoice is wrong."
    rows = make_rows([pair("shorten this letter" + context, "Shorten this letter to two sentences." + context)])
    assert rows.kept[0].instruction == "shorten this letter"
    assert rows.kept[0].optimized == "Shorten this letter to two sentences."


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (pair("shorten this letter\n\nDear Ms Ito", "Shorten this letter.\n\nDear Ms. Ito"), "context_changed"),
        (pair("shorten this letter\n\nDear Ms Ito", "\n\nDear Ms Ito"), "context_changed"),
        (pair("tea", "What is tea?", source="bpo"), "excluded_source"),
        (pair("Red sky.\nBlue sea.\nGreen land.", "What is this?"), "unclear_instruction"),
    ],
)
def test_a_pair_that_would_teach_damage_is_rejected_by_name(bad: dict[str, str], reason: str) -> None:
    rows = make_rows([bad], exclude_sources=["bpo"])
    assert rows.kept == []
    assert rows.rejected == {"1": reason}
    assert rows.counts() == {"kept": 0, reason: 1}


def test_what_the_contract_refuses_is_left_out_of_training_by_the_name_of_the_check() -> None:
    lost = pair("list 3 rivers in peru", "List rivers in Peru.")
    assert make_rows([lost], verified=True).rejected == {"1": "contract:numbers_kept"}
    assert len(make_rows([lost]).kept) == 1


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"id": "1"}', '{"id": 1, "source": "s", "prompt": "p", "optimized_prompt": "o"}']
)
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps(pair("a", "b")) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.jsonl:2: "):
        read_pairs(tmp_path / "p.jsonl")


def test_most_real_pairs_become_rows(data: Path) -> None:
    rows = make_rows(read_pairs(data / "pairs" / "val.jsonl"))
    counts = rows.counts()
    assert counts["kept"] / sum(counts.values()) > 0.95
