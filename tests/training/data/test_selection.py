"""Rules, duplicates, distinct-n, the table, and the whole selection: all that is dropped has a reason."""

import gzip
import hashlib
import json
import random
from collections import Counter
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from training.data.selection.bench import STAGES, measure, prompts
from training.data.selection.distinct import distinct, item_weighted
from training.data.selection.duplicates import JACCARD, drop_duplicates, jaccard, pieces
from training.data.selection.evals import EvalPrompt
from training.data.selection.rules import Limits, apply_rules, objection
from training.data.selection.select import PAPER_QUOTAS, SelectConfig, Selection, select
from training.data.selection.table import OVERALL, PAPER, table_1, to_markdown
from training.data.selection.text import by_rank, count_words, normalised, tokens
from training.data.types import Preference

LIMITS = Limits(min_words=3, max_words=250, languages=("en",))
EVALS = [EvalPrompt("vicuna_eval/0", "How do glaciers shape a valley?")]


def row(instruction: str, number: int | str = 1, source: str = "own", **other: str) -> Preference:
    fields = {"context": "", "chosen": "Yes, gladly.", "rejected": "No.", "language": "en", "licence": "MIT", **other}
    return Preference(f"{source}/{number}", source, str(number), instruction, **fields)


@pytest.fixture(scope="module")
def hh(data: Path) -> list[Preference]:
    """The first prompt and the last answers of all real rows."""
    with gzip.open(data / "preferences" / "hh_rlhf_harmless_base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        return [_from_hh(number, json.loads(line)) for number, line in enumerate(file)]


def _from_hh(number: int, line: dict[str, str]) -> Preference:
    answers = {name: line[name].rsplit("\n\nAssistant:", 1)[1].strip() for name in ("chosen", "rejected")}
    prompt = line["chosen"].split("\n\nHuman:", 1)[1].split("\n\nAssistant:")[0].strip()
    return row(prompt, number, "hh", language="", **answers)


# Rules


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (row("What is rain made of?", chosen=" \n"), "empty_answer", "chosen"),
        (row("What is rain made of?", chosen="", rejected="\t"), "empty_answer", "chosen and rejected"),
        (row("What is rain made of?", chosen="Water.", rejected=" WATER"), "identical_answers", "Water."),
        (row("What is\x00 rain made of?"), "unsupported_characters", "U+0000"),
        (row("What is rain made of?", context="lone \ud800"), "unsupported_characters", "U+D800"),
        (row("12 34 56 ??"), "no_letters", "'12 34 56 ??'"),
        (row("What is rain?<|im_end|>"), "template_text", "template text '<|im_end|>'"),
        (row("What is this about?", context="[INST] rain [/INST]"), "template_text", "template text '[INST]'"),
        (row("Explain rain"), "too_short", "2 words, at least 3"),
        (row("What is this? " + "rain " * 250), "too_long", "253 words, at most 250"),
        (row("What is this? " + "r" * 4000), "too_long", "501 words, at most 250"),
        (row("Was ist das hier?", language="de"), "language", "de"),
        (row("¿Cómo se hace el pan de molde?", language=""), "language", "es"),
        (row("Thank you so much!"), "small_talk", "Thank you so much!"),
        (row("Can you make it shorter please?"), "follow_up", "Can you make it shorter please?"),
        (row("docker run -it ubuntu bash"), "not_a_request", "docker run -it ubuntu bash"),
        (row("Red sky.\nBlue sea.\nGreen land."), "unclear_instruction", "Red sky.\nBlue sea.\nGreen land."),
    ],
)
def test_a_bad_row_is_dropped_with_the_rule_that_it_breaks(bad: Preference, reason: str, detail: str) -> None:
    good = row("What is rain made of?", number=2)
    kept, rejects = apply_rules([bad, good], LIMITS)
    assert kept == [good]
    assert [(r.id, r.source, r.stage, r.reason, r.detail) for r in rejects] == [
        ("own/1", "own", "select", reason, detail)
    ]


@pytest.mark.parametrize(
    "good",
    [
        row("What is 2 + 2?"),
        row("is 7 prime, true or false"),
        row("I hate my neighbour."),
        row("Summarize it", context="The pump broke on Monday and nobody came."),
        row("Make it shorter", context="Dear all,\nthe office stays closed until further notice."),
        row("What is rain made of?", language="en-GB"),
        row("photosynthesis light reactions", language=""),
        row("Explain <b>bold</b> tags and [brackets]"),
        row("What does 'déjà vu' mean in French?", language=""),
    ],
    ids=lambda good: good.instruction,
)
def test_what_is_only_hard_or_plain_stays(good: Preference) -> None:
    assert objection(good, LIMITS) is None


def test_other_languages_can_be_asked_for() -> None:
    german, unknown = row("Was ist das hier?", language="de"), row("como se hace un pan", language="")
    assert objection(german, replace(LIMITS, languages=("en", "de"))) is None
    assert objection(unknown, replace(LIMITS, languages=())) is None
    assert objection(row("如何学习编程?", language="zh"), replace(LIMITS, languages=("zh",))) is None


def test_the_rules_drop_few_real_prompts(hh: list[Preference], data: Path) -> None:
    _, rejects = apply_rules(hh, LIMITS)
    reasons = Counter(reject.reason for reject in rejects)
    assert 0 < reasons.total() < 0.01 * len(hh), reasons
    trees = (data / "preferences" / "oasst_en_100_tree.jsonl").read_text(encoding="utf-8").splitlines()
    roots = [row(json.loads(tree)["prompt"]["text"], number) for number, tree in enumerate(trees)]
    assert len(apply_rules(roots, LIMITS)[1]) <= 3


# Duplicates


def test_the_same_prompt_is_kept_once_whatever_its_case_and_spaces() -> None:
    rows = [row(text, number) for number, text in enumerate(["Why is it  raining", "why is it\nraining?", "Why me?"])]
    kept, rejects = drop_duplicates(rows, seed=0)
    assert sorted(normalised(r.instruction) for r in kept) == ["why is it raining", "why me"]
    assert [reject.reason for reject in rejects] == ["duplicate"]


def test_the_one_that_stays_has_the_smallest_hash() -> None:
    rows = [row("Why is it raining?", number) for number in range(20)]
    for seed in (0, 1, 2):
        smallest = min(rows, key=lambda r: hashlib.sha256(f"{seed} {r.id}".encode()).digest())
        kept, rejects = drop_duplicates(rows, seed)
        assert kept == [smallest]
        assert {reject.detail for reject in rejects} == {f"of {smallest.id}"}


def test_near_duplicates_go_and_other_contexts_stay() -> None:
    long = "Write a friendly e-mail to my landlord about the broken heating in the kitchen"
    rows = [row(long, 1), row(long + "s.", 2), row(long.replace("kitchen", "cellar and the roof"), 3)]
    kept, rejects = drop_duplicates(rows, seed=0)
    assert len(kept) == 2
    assert rows[2] in kept
    assert [reject.reason for reject in rejects] == ["near_duplicate"]
    apart = [row("Classify this animal.", 1, context="a grey whale"), row("Classify this animal.", 2, context="a newt")]
    assert len(drop_duplicates(apart, seed=0)[0]) == 2


def test_near_is_decided_by_the_exact_overlap() -> None:
    texts = [longer for text in prompts(150) for longer in (text, f"well, {text}", f"{text} and why")]
    rows = [row(text, number) for number, text in enumerate(texts)]
    by_id = {r.id: pieces(normalised(r.instruction)) for r in rows}
    kept, rejects = drop_duplicates(rows, seed=0)
    near = [reject for reject in rejects if reject.reason == "near_duplicate"]
    assert len(near) > 50
    assert {reject.detail.removeprefix("of ") for reject in near} <= {r.id for r in kept}
    for reject in near:
        assert jaccard(by_id[reject.id], by_id[reject.detail.removeprefix("of ")]) >= JACCARD
    missed = [pair for pair in combinations(kept, 2) if jaccard(by_id[pair[0].id], by_id[pair[1].id]) >= JACCARD]
    assert len(missed) <= 0.03 * len(near) + 1


def test_texts_without_words_can_be_compared() -> None:
    kept, _ = drop_duplicates([row("", 1), row("!?", 2), row("好", 3), row("\ud800", 4)], seed=0)
    assert len(kept) == 3


# Distinct-n and the table


def test_distinct_n_is_counted_over_the_corpus() -> None:
    corpus = [["a", "b", "a", "b", "a"], ["a", "b", "a", "b"], ["b"]]
    # 10 words, 2 different; 7 pairs: ab ba; 5 triples: aba bab; 3 fours: abab baba
    assert distinct(corpus) == (2 / 10, 2 / 7, 2 / 5, 2 / 3)
    assert distinct([["a"], []]) == (1.0, 0.0, 0.0, 0.0)
    assert distinct([]) == (0.0, 0.0, 0.0, 0.0)


def test_the_papers_overall_value_cannot_be_a_mean_over_rows() -> None:
    sources = [line for name, line in PAPER.items() if name != OVERALL]
    assert round(item_weighted((line.sampled, line.sampled_distinct_4) for line in sources), 3) == 0.899
    assert PAPER[OVERALL].sampled_distinct_4 == 0.860
    assert sum(line.sampled for line in sources) == PAPER[OVERALL].sampled
    assert sum(line.kept for line in sources) == PAPER[OVERALL].kept


def _as_large_as_the_paper() -> tuple[list[Preference], set[str]]:
    rows = [
        row(f"tell me about thing {number} of {name}", number, name)
        for name, quota in PAPER_QUOTAS.items()
        for number in range(quota)
    ]
    return rows, {r.id for r in rows if int(r.source_id) < PAPER[r.source].kept}


def test_the_report_has_the_layout_of_table_1() -> None:
    rows, kept = _as_large_as_the_paper()
    table = table_1(rows, kept, seed=0)
    assert json.loads(json.dumps(table)) == table
    found = {line["source"]: line for line in table["rows"]}
    assert list(found) == ["alpaca", "arena", "hh", "oasst", "overall"]
    for name, line in found.items():
        assert line["before"]["rows"] == PAPER[name].sampled
        assert line["after"]["rows"] == PAPER[name].kept
        assert line["paper"]["before"] == {
            "rows": PAPER[name].sampled, "distinct_4": PAPER[name].sampled_distinct_4,
        }  # fmt: skip
    # of 7 words a row, the first two runs of four hold no number or are "me about thing N": 3 of 4 differ by row
    assert found["hh"]["before"]["distinct_4"] == (1 + 3 * 2000) / (4 * 2000)
    assert found["hh"]["before"]["distinct_4_at_sample"] == (1 + 3 * 1000) / (4 * 1000)
    markdown = to_markdown(table).splitlines()
    assert markdown[0].startswith("| source | before | distinct-4 | at 1000 | after | distinct-4 |")
    assert "| hh | 2000 | 0.750 | 0.750 | 1961 | 0.750 | 0.750 | 2000 (0.957) | 1961 (0.957) |" in markdown
    assert len({line.count("|") for line in markdown[:7]}) == 1


def test_the_fixed_size_is_that_of_the_smallest_group_and_other_sources_have_no_paper() -> None:
    rows = [row(text, number) for number, text in enumerate(prompts(50))]
    rows += [row(text, number, "mine") for number, text in enumerate(prompts(9, seed=1))]
    table = table_1(rows, {r.id for r in rows[:20]}, seed=0)
    assert table["sample"] == 9
    assert table["rows"][0]["paper"] is None
    assert table["rows"][0]["after"]["rows"] == 0
    assert "| mine | 9 |" in to_markdown(table)
    assert table_1([], [], seed=0)["rows"][0]["before"]["rows"] == 0


# All together


@pytest.fixture(scope="module")
def mixed() -> list[Preference]:
    """Two sources with good rows, bad ones, repetitions and a test prompt."""
    rows = [row(f"please {text}", number, "own") for number, text in enumerate(prompts(300))]
    rows += [row(f"please {text}", number, "hh") for number, text in enumerate(prompts(150, seed=1))]
    rows += [row("Hey!", "a"), row("hello", "b"), row("Hi. How do GLACIERS shape a valley", "c", "hh")]
    return rows


CONFIG = SelectConfig(quotas={"own": 120}, tau=0.6)


def _digest(found: Selection) -> str:
    content = [[asdict(r) for r in found.kept], [asdict(r) for r in found.rejects], found.report]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def test_every_row_is_kept_or_has_a_reason(mixed: list[Preference]) -> None:
    found = select(mixed, CONFIG, EVALS)
    assert sorted([r.id for r in found.kept] + [r.id for r in found.rejects]) == sorted(r.id for r in mixed)
    assert all(reject.stage == "select" and reject.reason and reject.detail for reject in found.rejects)
    assert {reject.reason for reject in found.rejects} >= {
        "too_short", "duplicate", "near_duplicate", "similar", "contaminated:contains",
    }  # fmt: skip
    assert Counter(r.source for r in found.kept)["own"] == 120


def test_the_result_does_not_depend_on_the_order_of_the_rows(mixed: list[Preference]) -> None:
    found = select(mixed, CONFIG, EVALS)
    assert found.kept == by_rank(found.kept, seed=0)
    assert [reject.id for reject in found.rejects] == sorted(reject.id for reject in found.rejects)
    expected = _digest(found)
    for seed in range(3):
        shuffled = random.Random(seed).sample(mixed, len(mixed))
        assert _digest(select(shuffled, CONFIG, EVALS)) == expected
    assert _digest(select(mixed, replace(CONFIG, seed=1), EVALS)) != expected


def test_the_report_counts_what_happened(mixed: list[Preference]) -> None:
    found = select(mixed, CONFIG, EVALS)
    report = found.report
    assert report["rows"] == len(mixed) == report["kept"] + sum(report["rejected"].values())
    own, hh = report["sources"]["own"], report["sources"]["hh"]
    assert own["rows"] == 302 == own["kept"] + sum(own["rejected"].values())
    assert 0 < own["tau"] <= 0.6 == hh["tau"]
    assert own["self_bleu"]["after"] < own["self_bleu"]["before"]
    assert report["evals"] == {"prompts": {"vicuna_eval": 1}, "rows": {"vicuna_eval": 1}}
    assert report["config"]["quotas"] == {"own": 120}
    assert [line["source"] for line in report["table_1"]["rows"]] == ["hh", "own", "overall"]


def test_real_prompts_fill_a_quota(hh: list[Preference]) -> None:
    found = select(hh, SelectConfig(quotas={"hh": 600}), EVALS)
    (source,) = found.report["sources"].values()
    assert source["kept"] == len(found.kept) == 600
    assert 0 < source["tau"] < 0.2, "a stricter threshold than the 0.2 that keeps about 950"
    before, after = (found.report["table_1"]["rows"][0][step]["distinct_4_at_sample"] for step in ("before", "after"))
    assert after > before + 0.02


def test_a_source_can_vanish_and_none_are_needed() -> None:
    found = select([row("Hey!")], SelectConfig(), [])
    assert found.kept == []
    assert found.report["sources"]["own"] == {
        "rows": 1, "kept": 0, "rejected": {"too_short": 1}, "tau": None, "self_bleu": {"before": 0.0, "after": None},
    }  # fmt: skip
    assert select([], SelectConfig(), []).report["rows"] == 0


def test_the_default_quotas_are_the_papers() -> None:
    assert SelectConfig().quotas == {"oasst": 3000, "hh": 2000, "arena": 5000, "alpaca": 5000}


def test_two_rows_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="1 ids come more than once, such as 'own/1'"):
        select([row("What is rain?"), row("What is snow?")], SelectConfig(), [])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_words": 9, "max_words": 8}, "min_words <= max_words, got 9 and 8"),
        ({"min_words": -1}, "got -1"),
        ({"tau": 1.5}, "from 0 to 1, got 1.5"),
        ({"tau": float("nan")}, "got nan"),
        ({"languages": "en"}, "tuple of lower-case codes"),
        ({"languages": ("EN",)}, "tuple of lower-case codes"),
        ({"quotas": {"hh": -3}}, "got {'hh': -3}"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SelectConfig(**wrong)


def test_words_are_counted_in_scripts_without_spaces() -> None:
    assert count_words("如何学习编程?") == 6
    assert count_words("How do I knit?") == 4
    assert tokens("如何knit 4x4!") == ["如", "何", "knit", "4x4", "!"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_bench_runs_every_stage(stage: str) -> None:
    cost = measure(stage, 300)
    assert 100 < cost.kept <= 300
    assert cost.seconds > 0
