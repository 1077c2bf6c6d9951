"""Which rows of instruction data become examples, and what is said of the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.augment.examples import Example, read_examples
from training.augment.settings import load_settings


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def chat(*roles: str) -> dict[str, Any]:
    return {"id": "-".join(roles), "messages": [{"role": role, "content": f"{role} says"} for role in roles]}


def test_four_forms_of_rows_give_prompt_and_response(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl",
        {"id": 1, "instruction": "Sum it up.", "input": "Ann left.", "output": " She left. "},
        {"id": "2", "instruction": "Name a bird.", "input": "<noinput>", "output": "Owl"},
        {"id": "3", "instruction": "Name it.", "input": None, "output": "Owl"},
        {"id": "4", "instruction": "Opposite?", "instances": [{"input": "hot", "output": "cold"}]},
        {"id": "5", "instruction": "Twice?", "instances": [{"input": n, "output": n + n} for n in ("x", "y")]},
        {"id": "6", "prompt": "Why?", "response": "So."},
        {**chat("user", "assistant"), "id": "7"},
    )
    assert read_examples(file).kept == (
        Example("1", "Sum it up.\nAnn left.", "She left."),
        Example("2", "Name a bird.", "Owl"),
        Example("3", "Name it.", "Owl"),
        Example("4", "Opposite?\nhot", "cold"),
        Example("5/0", "Twice?\nx", "xx"),
        Example("5/1", "Twice?\ny", "yy"),
        Example("6", "Why?", "So."),
        Example("7", "user says", "assistant says"),
    )


def test_parquet_is_read_as_json_lines_are(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"instruction": "Name a bird.", "input": "", "output": "Owl"}, {"instruction": "x", "output": "y"}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_examples(tmp_path / "a.parquet").kept == read_examples(write(tmp_path / "b.jsonl", *rows)).kept


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "x", "instruction": " ", "input": "a", "output": "b"}, "empty_prompt"),
        ({"id": "x", "instruction": "a", "output": " "}, "empty_answer"),
        ({"id": "x", "prompt": "a"}, "malformed"),
        ({"id": "x", "instruction": "a", "input": 7, "output": "b"}, "malformed"),
        ({"id": "x", "instruction": "a", "instances": []}, "malformed"),
        ({"id": "x", "instruction": "a", "instances": ["b"]}, "malformed"),
        ({"id": "x", "prompt": "\ud83d", "response": "b"}, "malformed"),
        ({"id": "x", "messages": []}, "malformed"),
        (["no", "object"], "malformed"),
        (chat("system", "user", "assistant"), "system_message"),
        (chat("user", "assistant", "user", "assistant"), "multi_turn"),
        (chat("user"), "multi_turn"),
        ({"id": "good", "prompt": "another", "response": "row"}, "duplicate_id"),
    ],
)
def test_every_other_row_has_a_reason(row: Any, reason: str, tmp_path: Path) -> None:
    found = read_examples(write(tmp_path / "a.jsonl", {"id": "good", "prompt": "a", "response": "b"}, row))
    assert (len(found.kept), [reject.reason for reject in found.rejects]) == (1, [reason])


def test_a_sample_depends_on_the_rows_and_the_seed_alone(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {number}?", "response": "Yes."} for number in range(40)]
    one, other = write(tmp_path / "a.jsonl", *rows), write(tmp_path / "b.jsonl", *reversed(rows))
    ten = read_examples(one, sample=10, seed=3)
    assert ten == read_examples(other, sample=10, seed=3)
    assert set(ten.kept) < set(read_examples(one, sample=20, seed=3).kept)
    assert ten.kept != read_examples(one, sample=10, seed=4).kept
    assert (len(ten.kept), ten.not_drawn) == (10, 30)


def test_a_file_without_an_example_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gives no example, left out: 1"):
        read_examples(write(tmp_path / "a.jsonl", {"question": "?"}))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[llm]\nbase_url = 'http://h/v1'\nmodel = 'm'\n", "needs data and"),
        ("data = 'a'\nsamples = 3\n[llm]\n", r"unknown: \['samples'\]"),
        ("data = 'a'\nsample = 0\n[llm]\n", "sample cannot be 0"),
        ("data = 'a'\nsample = true\n[llm]\n", "sample cannot be True"),
        ("data = 'a'\n[llm]\nbase_url = 'http://h/v1'\n", "model"),
        ("data = 'a'\n[llm]\nkey = 'sk-1'\n", "unknown key"),
        ("data =", "cannot read the settings"),
    ],
)
def test_wrong_settings_are_named(text: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "augment.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=match):
        load_settings(tmp_path / "augment.toml")


def test_omit_leaves_a_part_of_the_body_out(tmp_path: Path) -> None:
    text = "data = 'a'\n[llm]\nbase_url = 'http://h/v1'\nmodel = 'm'\nparams = {seed = 'omit', top_p = 1.0}\n"
    (tmp_path / "augment.toml").write_text(text, encoding="utf-8")
    llm = load_settings(tmp_path / "augment.toml").llm
    assert (llm.params, llm.temperature) == ({"seed": None, "top_p": 1.0}, 0.0)
