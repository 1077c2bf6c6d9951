"""Tables, figures and the page, made from simulated verdicts."""

import csv
import io
import json
import random
import re
from typing import Any

import pytest

from bpo_model.compare.stats import Summary, summarize
from bpo_model.compare.types import Judgment, Order, Winner
from evals.winrate.figures import forest, iterations, shares
from evals.winrate.page import to_html
from evals.winrate.published import Cited
from evals.winrate.tables import to_csv, to_json, to_markdown

ORDERS: tuple[Order, Order] = ("ab", "ba")


def judgments(row: str, chance: float, n: int = 60, seed: int = 0) -> list[Judgment]:
    """A judge that prefers arm a with this chance, on two sets, in both orders."""
    rng, found = random.Random(seed), []
    for number in range(n):
        for order in ORDERS:
            winner: Winner = "a" if rng.random() < chance else "b" if rng.random() < 0.8 else "tie"
            name = "vicuna" if number % 3 else "dolly"
            found.append(
                Judgment("table3", row, name, f"{name}/{number}", "pairwise", order, 0, "ok", winner,
                         rng.randint(200, 900), rng.randint(200, 900), number % 5 > 0)
            )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def summaries() -> list[Summary]:
    rows = {"gpt-3.5-turbo": 0.8, "a|b <script>": 0.4, "new": 0.47}
    return [summarize(judgments(row, chance), seed=1, resamples=500) for row, chance in rows.items()]


def test_the_table_shows_ours_beside_the_paper(summaries: list[Summary]) -> None:
    text = to_markdown(summaries, {"gpt-3.5-turbo": Cited(22.0, 3.9)})
    line = next(line for line in text.splitlines() if line.startswith("| gpt-3.5-turbo"))
    macro = summaries[0].items.macro
    assert f"{macro.dwr:+.1f} ({macro.low:+.1f} to {macro.high:+.1f})" in line
    assert "| +22.0 |" in line
    assert line.endswith("different |")
    assert "A wins" in text
    assert "more prompts" in text
    assert "a\\|b <script>" in text


def test_every_line_of_a_table_has_the_columns_of_its_head(summaries: list[Summary]) -> None:
    for table in re.findall(r"(?:^\|.*\n?)+", to_markdown(summaries, {}), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}) == 1


def test_csv_has_macro_and_micro_and_every_set(summaries: list[Summary]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(summaries))))
    assert [row["set"] for row in rows] == ["dolly", "vicuna", "macro", "micro"] * 3
    assert float(rows[2]["dwr"]) == pytest.approx(summaries[0].items.macro.dwr, abs=0.01)


def test_json_is_json_with_adjusted_p_values(summaries: list[Summary]) -> None:
    rows: Any = json.loads(json.dumps(to_json(summaries, {"new": Cited(1.5, 4.0)})))
    assert [row["paper"] and row["paper"]["dwr"] for row in rows] == [None, None, 1.5]
    assert all(row["p_holm"] >= row["items"]["macro"]["p"] for row in rows)


def test_figures_are_svg_and_repeat_themselves(summaries: list[Summary]) -> None:
    drawn = [shares(summaries), forest(summaries, {"new": Cited(1.5, 4.0)})]
    drawn.append(iterations([(number, summaries[0].items.macro) for number in (1, 2, 3)]))
    assert all(svg.startswith("<svg") for svg in drawn)
    assert shares(summaries) == drawn[0]


def test_the_page_is_one_file_and_prompts_are_data(summaries: list[Summary]) -> None:
    example = {
        "item": "vicuna/1",
        "row": "x",
        "judge": "j",
        "prompt a": "<script>alert(1)</script>",
        "answer a": "</pre><b>",
    }
    page = to_html("Run <1>", "* Mind <this>", to_markdown(summaries, {}), {"Shares": shares(summaries)}, [example])
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Run &lt;1&gt;" in page
    assert page.index("Mind &lt;this&gt;") < page.index("<svg")
    assert re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page) == []
    assert page.count("<table>") == 4
    assert "a|b &lt;script&gt;" in page
