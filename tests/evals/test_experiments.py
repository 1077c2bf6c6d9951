"""Experiments as data, and the paper's own numbers checked."""

import tomllib
from pathlib import Path

import pytest

from evals.winrate.benchmarks import SETS
from evals.winrate.experiments import FILE, load_experiment, with_targets
from evals.winrate.published import ROUNDING, cited, read_published, render_against_paper

NAMES = list(tomllib.loads(FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_can_be_loaded_and_its_sets_are_known(name: str) -> None:
    experiment = load_experiment(name)
    assert set(experiment.sets) <= set(SETS)
    assert experiment.rows
    assert all(row.a != row.b for row in experiment.rows)


def test_the_tables_have_the_papers_rows() -> None:
    counts = {name: len(load_experiment(name).rows) for name in NAMES}
    assert counts == {
        "table3": 5, "table4": 7, "table5": 16, "table6": 4, "table7": 3,
        "fig3": 5, "fig7": 3, "controls": 3, "opro": 3,
    }  # fmt: skip
    assert [row.a.iterations for row in load_experiment("fig3").rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["table3", "table4", "table5", "table6", "table7"])
def test_every_row_of_a_table_has_its_published_number(name: str) -> None:
    assert {row.name for row in load_experiment(name).rows} == set(cited(name))


def test_one_model_for_all_makes_equal_rows_one_and_takes_the_papers_name_away() -> None:
    mine = with_targets(load_experiment("table3"), {"*": "mine"})
    assert [row.name for row in mine.rows] == ["mine+bpo vs mine+none"]
    named = with_targets(load_experiment("table3"), {"gpt-4": "mine"}, rows=["gpt-4"])
    assert [row.name for row in named.rows] == ["gpt-4"]
    assert named.rows[0].a.target == "mine"
    assert len(with_targets(load_experiment("fig3"), {"*": "mine"}).rows) == 5


def test_what_is_unknown_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown experiment 'table2'; known: controls, fig3"):
        load_experiment("table2")
    with pytest.raises(ValueError, match=r"no model stands for 'gpt-3\.5-turbo'"):
        with_targets(load_experiment("table3"), {"gpt-4": "mine"})
    with pytest.raises(ValueError, match=r"table3 has no row \['gpt-5'\]"):
        with_targets(load_experiment("table3"), {"*": "mine"}, rows=["gpt-5"])
    file = tmp_path / "x.toml"
    file.write_text('[x]\nabout = ""\nsets = []\nrows = [{name = "r", a = {target = "t", rewriter = "magic"}, b = {}}]')
    with pytest.raises(ValueError, match="unknown rewriter 'magic'"):
        load_experiment("x", file)


def test_every_printed_mean_agrees_with_its_cells() -> None:
    rows = read_published()
    assert len(rows) == 70
    assert all(len(row.cells) == 4 for row in rows)
    assert all(abs(row.macro - row.printed) <= ROUNDING for row in rows)


def test_cells_that_cannot_be_are_found_by_rule() -> None:
    odd = {
        (row.table, row.b, cell.set, cell.impossible)
        for row in read_published()
        for cell in row.cells
        if cell.impossible
    }
    assert (3, "ori", "self_instruct", "no count of 252 gives 47.0, 21.9, 31.1") in odd
    assert (4, "70B", "vicuna", "no count of 80 gives 59.3, 5.5, 35.2") in odd
    assert {text for table, _, _, text in odd if table == 5 and "sums" in text} == {
        "sums to 98.4", "sums to 97.5", "sums to 103.0",
    }  # fmt: skip
    assert len(odd) == 10


def test_macro_and_micro_may_differ_in_sign() -> None:
    (row,) = [row for row in read_published() if (row.table, row.a) == (7, "w/o FDBK")]
    assert row.macro > 4 > 0 > row.micro


def test_the_rendered_table_says_how_many_agree() -> None:
    text = render_against_paper()
    assert "70 of 70 printed means agree with their cells; 10 cells cannot be." in text
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 71
