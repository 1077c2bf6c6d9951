"""Files of a data set: same rows, same bytes; and every change after the manifest has a name."""

import dataclasses
import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.artifacts import (
    count_rows,
    read_table,
    write_manifest,
    write_table,
    write_training_files,
)
from training.data.card import render_card, write_card
from training.data.plots import plot_distributions
from training.data.types import Pair, Preference, Reject
from training.data.verify import main, verify
from training.pairs import make_rows, read_pairs

HASH = re.compile(r"[0-9a-f]{64}")


def pair(number: int, **changes: str) -> Pair:
    prompt = f"tell me about river {number}"
    values = {field.name: f"{field.name} {number}" for field in dataclasses.fields(Pair)}
    values |= {"id": f"hh/{number:03}", "source": "hh", "licence": "MIT", "context": "", "instruction": prompt}
    values |= {"prompt": prompt, "optimized_prompt": f"{prompt}, its length and its source", "teacher": "teacher-9"}
    return Pair(**{**values, "template": "bpo-v1 " + "ab" * 32, **changes})


PAIRS = [
    *(pair(number) for number in range(80)),
    pair(
        80, id="arena/1", source="arena", licence="CC-BY-4.0 AND CC-BY-NC-4.0", prompt="naïve\u2028words\x85“x”\x0c 🙂"
    ),
    pair(81, id="desk|1", source="desk", licence="NOASSERTION", teacher="teacher-10"),
]
REJECTS = [
    Reject("hh/900", "hh", "load", "multi_turn", "4 turns"),
    Reject("hh/901", "hh", "load", "multi_turn"),
    Reject("hh/901", "hh", "select", "too_short", "2 words"),
    Reject("arena/9", "arena", "construct", "contract:numbers_kept", "lost 7 | $x$"),
]
PREFERENCES = [
    Preference("hh/b", "hh", "b", "q", "c\n", "good", "bad", "en", "MIT"),
    Preference("hh/a", "hh", "a", "Ähm", "", "gut", "schlecht", "de", "MIT"),
]


@pytest.mark.parametrize(("rows", "kind"), [(PREFERENCES, Preference), (PAIRS, Pair), (REJECTS, Reject)])
def test_a_table_comes_back_sorted_and_has_the_same_bytes_in_any_order(tmp_path: Path, rows: Any, kind: Any) -> None:
    assert write_table(tmp_path / "a.parquet", rows, kind) == len(rows)
    write_table(tmp_path / "b.parquet", reversed(rows), kind)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_table(tmp_path / "a.parquet", kind) == sorted(rows, key=dataclasses.astuple)
    assert count_rows(tmp_path / "a.parquet") == len(rows)


def test_the_schema_is_fixed_even_without_rows(tmp_path: Path) -> None:
    from pyarrow import parquet

    write_table(tmp_path / "x.parquet", [], Pair)
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == [
        *("id", "source", "source_id", "licence", "instruction", "context", "chosen", "rejected", "critique"),
        *("optimized_instruction", "prompt", "optimized_prompt", "teacher", "template", "request_key"),
    ]
    assert {(str(field.type), field.nullable) for field in table.schema} == {("string", False)}
    assert parquet.read_metadata(tmp_path / "x.parquet").num_rows == 0
    assert read_table(tmp_path / "x.parquet", Pair) == []
    write_table(tmp_path / "x.parquet", PAIRS, Pair)
    group = parquet.read_metadata(tmp_path / "x.parquet").row_group(0)
    assert {group.column(n).compression for n in range(15)} == {"ZSTD"}


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from training.data.types import Reject;"
        "from training.data.artifacts import write_table;"
        f"write_table(Path(sys.argv[1]), {REJECTS[::-1]!r}, Reject)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.parquet"], check=True, cwd=root, timeout=60)
    write_table(tmp_path / "b.parquet", REJECTS, Reject)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_two_rows_with_one_id_and_a_table_of_another_kind_are_errors(tmp_path: Path) -> None:
    for write in (
        lambda: write_table(tmp_path / "x", [pair(1), pair(1)], Pair),
        lambda: split(tmp_path, [pair(1)] * 2),
    ):
        with pytest.raises(ValueError, match="1 ids occur twice, such as hh/001"):
            write()
    assert list(tmp_path.iterdir()) == []
    write_table(tmp_path / "x.parquet", REJECTS, Reject)
    with pytest.raises(ValueError, match="has no Pair rows: its columns are id, source, stage"):
        read_table(tmp_path / "x.parquet", Pair)


def split(folder: Path, pairs: list[Pair], share: float = 0.2) -> dict[str, set[str]]:
    counts = write_training_files(folder, pairs, share)
    found = {name: {row["id"] for row in read_pairs(folder / name)} for name in ("train.jsonl", "val.jsonl")}
    assert counts == {name: len(ids) for name, ids in found.items()}
    return found


def test_training_reads_the_files_and_every_text_survives(tmp_path: Path) -> None:
    split(tmp_path, PAIRS)
    rows = read_pairs(tmp_path / "train.jsonl") + read_pairs(tmp_path / "val.jsonl")
    assert all(list(row) == ["id", "source", "prompt", "optimized_prompt"] for row in rows)
    expected = {(one.id, one.source, one.prompt, one.optimized_prompt) for one in PAIRS}
    assert {tuple(row.values()) for row in rows} == expected
    assert len(make_rows(rows).kept) >= 80


def test_the_id_alone_decides_what_validates(tmp_path: Path) -> None:
    many = [pair(number) for number in range(2000)]
    all_, half = split(tmp_path, many), split(tmp_path, many[::2][::-1])
    assert not all_["train.jsonl"] & all_["val.jsonl"]
    assert 300 < len(all_["val.jsonl"]) < 500
    assert half["val.jsonl"] == all_["val.jsonl"] & {one.id for one in many[::2]}
    smaller = split(tmp_path, many, 0.05)
    assert smaller["val.jsonl"] < all_["val.jsonl"]
    assert split(tmp_path, many, 0.0)["val.jsonl"] == set()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        write_training_files(tmp_path, PAIRS, share)


SETTINGS: dict[Any, object] = {"seed": 7, "min_words": 3, "tau": 0.35, 2: "b", 10: "a"}
TABLE = {"hh": {"sampled": 2, "distinct-4": 0.957123}, "overall": {"sampled": 3, "kept": 2}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished data set, beside the file that was read for it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n\n{"a": 2}\n'))
    build(folder / "set", folder / "rows.jsonl.gz")
    return folder


@pytest.fixture
def made(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return shutil.copytree(finished / "set", tmp_path / "set")


def build(folder: Path, source: Path) -> None:
    write_table(folder / "preferences.parquet", PREFERENCES, Preference)
    write_table(folder / "pairs.parquet", PAIRS, Pair)
    write_table(folder / "rejects.parquet", REJECTS, Reject)
    write_training_files(folder, PAIRS, 0.2)
    plot_distributions(folder / "plots" / "distributions.svg", PAIRS, REJECTS)
    card = {"settings": SETTINGS, "decontamination": "Nothing was found.", "table": TABLE}
    write_card(folder, PAIRS, REJECTS, **card)  # type: ignore[arg-type]
    write_manifest(
        folder, config=SETTINGS, inputs={"hh/rows.jsonl.gz": source}, counts={"pairs": 82}, tokens={"in": 5}, cost=None
    )


def test_the_manifest_names_all_inputs_and_outputs_with_hash_size_and_rows(made: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    rows = {name: facts["rows"] for name, facts in manifest["files"].items()}
    assert rows.pop("train.jsonl") + rows.pop("val.jsonl") == 82
    assert rows == {
        **{"preferences.parquet": 2, "pairs.parquet": 82, "rejects.parquet": 4},
        **{"plots/distributions.svg": None, "DATA_CARD.md": None},
    }
    assert manifest["inputs"]["hh/rows.jsonl.gz"]["rows"] == 2
    facts = [*manifest["files"].values(), *manifest["inputs"].values()]
    assert all(HASH.fullmatch(one["sha256"]) and one["size"] > 0 for one in facts)
    assert manifest["config"] == {"seed": 7, "min_words": 3, "tau": 0.35, "2": "b", "10": "a"}
    assert (manifest["counts"], manifest["tokens"], manifest["cost_usd"]) == ({"pairs": 82}, {"in": 5}, None)
    assert re.fullmatch(r"([0-9a-f]{40}(-dirty)?)?", manifest["commit"])
    assert set(manifest["versions"]) == {"python", "pyarrow"}
    assert str(made.parent) not in (made / "manifest.json").read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_bytes(made: Path, finished: Path, tmp_path: Path) -> None:
    build(tmp_path / "again", finished / "rows.jsonl.gz")
    for file in made.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (tmp_path / "again" / file.relative_to(made)).read_bytes(), file.name


ALL = ["preferences.parquet", "pairs.parquet", "rejects.parquet", "train.jsonl", "val.jsonl", "DATA_CARD.md"]
ALL += ["plots/distributions.svg", "manifest.json"]


@pytest.mark.parametrize("name", ALL)
def test_one_flipped_byte_is_named(made: Path, name: str) -> None:
    assert verify(made) == []
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()) == sorted(ALL)
    good = (made / name).read_bytes()
    for place in (0, len(good) // 3, len(good) // 2, len(good) - 20, len(good) - 1):
        (made / name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        problems = verify(made)
        assert any("changed" in problem for problem in problems)
        assert all(problem.startswith(f"{name}: ") for problem in problems)


def test_no_flipped_byte_of_a_small_table_or_manifest_slips_through_or_raises(tmp_path: Path) -> None:
    write_table(tmp_path / "rejects.parquet", REJECTS[:1], Reject)
    write_manifest(tmp_path, config={}, inputs={}, counts={}, tokens={}, cost=1.5)
    for name in ("rejects.parquet", "manifest.json"):
        good = (tmp_path / name).read_bytes()
        for place in range(0, len(good), 7):
            bad = bytearray(good)
            bad[place] ^= 0x20
            (tmp_path / name).write_bytes(bad)
            problems = verify(tmp_path)
            assert problems, (name, place)
            assert all(problem.startswith(f"{name}: ") for problem in problems)
        (tmp_path / name).write_bytes(good)
    assert verify(tmp_path) == []


def fewer(folder: Path) -> None:
    write_table(folder / "pairs.parquet", PAIRS[1:], Pair)


def shorter(folder: Path) -> None:
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(lines[1:]), encoding="utf-8")


def stale(folder: Path) -> None:
    fewer(folder)
    write_manifest(folder, config={}, inputs={}, counts={}, tokens={}, cost=0.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "val.jsonl").unlink(), ["val.jsonl: missing"]),
        (lambda folder: (folder / "plots" / "x.txt").touch(), ["plots/x.txt: not in the manifest"]),
        (lambda folder: (folder / ".pairs.parquet.ab").touch(), [".pairs.parquet.ab: not in the manifest"]),
        (lambda folder: (folder / "manifest.json").unlink(), ["manifest.json: missing"]),
        (fewer, ["pairs.parquet: 81 rows, the manifest says 82", "pairs.parquet: changed"]),
        (shorter, ["train.jsonl: .. rows, the manifest says ..", "train.jsonl: changed"]),
        (stale, ["train.jsonl: has with val.jsonl 82 rows, pairs.parquet has 81"]),
    ],
)
def test_a_missing_extra_or_replaced_file_is_named(
    made: Path, change: Callable[[Path], None], expected: list[str]
) -> None:
    change(made)
    problems = verify(made)
    assert len(problems) == len(expected)
    assert all(re.match(pattern, problem) for pattern, problem in zip(expected, problems, strict=True))


def test_what_a_killed_run_left_behind_is_not_vouched_for(made: Path) -> None:
    (made / ".pairs.parquet.ab").touch()
    write_manifest(made, config={}, inputs={}, counts={}, tokens={}, cost=0.0)
    assert verify(made) == [".pairs.parquet.ab: not in the manifest"]


def test_the_command_exits_with_1_if_there_is_a_problem(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(made)]) == 0
    shorter(made)
    assert main([str(made)]) == 1
    assert "train.jsonl: changed" in capsys.readouterr().out


def test_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write_manifest(tmp_path, config={}, inputs={}, counts={}, tokens={}, cost=float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_the_card_has_counts_licences_teacher_template_reasons_and_hashes(made: Path) -> None:
    card = (made / "DATA_CARD.md").read_text(encoding="utf-8")
    files = json.loads((made / "manifest.json").read_text(encoding="utf-8"))["files"]
    for name in set(files) - {"DATA_CARD.md"}:
        assert f"| {name} | {files[name]['sha256']} |" in card
    for line in (
        "| hh | 80 | 2 | 1 | 0 |",
        "| arena | 1 | 0 | 0 | 1 |",
        "| all | 82 | 2 | 1 | 1 |",
        "| MIT | 80 | hh | Commercial use is allowed; keep the notice. |",
        "| CC-BY-4.0 AND CC-BY-NC-4.0 | 1 | arena | The prompts are CC-BY-4.0",
        "| NOASSERTION | 1 | desk | Nobody stated a licence",
        "| teacher | teacher-9 | 81 |",
        f"| template | bpo-v1 {'ab' * 32} | 82 |",
        "the terms of its provider",
        "| tau | 0.35 |",
        "| load | hh | multi_turn | 2 |",
        "| construct | arena | contract:numbers_kept | 1 |",
        "Nothing was found.",
        "| dataset | sampled | distinct-4 | kept |",
        "| hh | 2 | 0.9571 |  |",
        "ask for harm",
    ):
        assert line in card, line
    assert "tell me about river" not in card


def test_no_text_breaks_out_of_a_cell_and_no_figures_leave_no_empty_section() -> None:
    strange = pair(1, licence="X |\n# Free\n| Y")
    card = render_card([strange], [], {}, settings={}, decontamination="None ran.")
    assert "| X \\| # Free \\| Y | 1 | hh | Read the licence. |" in card
    assert "\n# Free" not in card
    assert "Table 1" not in card
    assert "## Rejects\n\nNothing was left out without a reason.\n\nNone." in card


@pytest.mark.parametrize(("form", "rows"), [(".svg", (PAIRS, REJECTS)), (".png", (PAIRS, REJECTS)), (".svg", ([], []))])
def test_a_figure_has_the_same_bytes_twice_and_takes_no_data_at_all(tmp_path: Path, form: str, rows: Any) -> None:
    for name in ("a", "b"):
        plot_distributions(tmp_path / f"{name}{form}", *rows)
    assert (tmp_path / f"a{form}").read_bytes() == (tmp_path / f"b{form}").read_bytes()
    if rows[0]:
        plot_distributions(tmp_path / f"c{form}", rows[0][:1], rows[1])
        assert (tmp_path / f"c{form}").read_bytes() != (tmp_path / f"a{form}").read_bytes()


def test_dollar_signs_are_text_and_another_form_is_refused(tmp_path: Path) -> None:
    odd = Reject("x", "a$b$", "select", r"$\frac$", "")
    plot_distributions(tmp_path / "x.svg", [], [odd])
    with pytest.raises(ValueError, match=r"must be called \.svg or \.png, got x\.pdf"):
        plot_distributions(tmp_path / "x.pdf", PAIRS, REJECTS)
