"""The whole way, by its commands: settings in, a checked folder out."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.data.teacher_server import TeacherServer
from training.data.__main__ import main
from training.data.artifacts import read_table
from training.data.settings import load_settings
from training.data.types import Pair, Reject
from training.data.verify import verify
from training.pairs import make_rows, read_pairs

TOPICS = "kites sourdough violins tides beehives glaciers bridges saffron lighthouses origami falcons bonsai".split()
SETTINGS = """
val_share = 0.3
[sources.own]
source = "generic"
path = "own.jsonl"
licence = "MIT"
[select]
eval_files = ["eval.jsonl"]
[teacher]
base_url = "{url}"
model = "m"
price_in = 1.0
price_out = 1.0
"""


@pytest.fixture
def settings(teacher_server: TeacherServer, tmp_path: Path) -> Path:
    """Twelve rows, one of them in the test set and one with equal answers."""
    rows = [
        {"prompt": f"How do {topic} work where you live?", "chosen": f"Well, {topic} need care.", "rejected": "Dunno."}
        for topic in TOPICS
    ]
    rows[1]["rejected"] = rows[1]["chosen"]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "eval.jsonl").write_text(json.dumps({"text": rows[0]["prompt"]}) + "\n", encoding="utf-8")
    file = tmp_path / "build.toml"
    file.write_text(SETTINGS.format(url=teacher_server.url), encoding="utf-8")
    return file


def run(command: str, settings: Path, *flags: str) -> int:
    return main([command, str(settings), *flags, "--out", str(settings.parent / "out")])


def test_a_build_ends_in_a_folder_that_vouches_for_itself(
    settings: Path, teacher_server: TeacherServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build", settings) == 0
    data = settings.parent / "out" / "data"
    pairs, rejects = read_table(data / "pairs.parquet", Pair), read_table(data / "rejects.parquet", Reject)
    assert (len(pairs), teacher_server.requests) == (10, 10)
    assert {pair.licence for pair in pairs} == {"MIT"}
    assert sorted(reject.reason for reject in rejects) == ["contaminated:same", "identical_answers"]
    assert verify(data) == []
    trained = [make_rows(read_pairs(data / f"{name}.jsonl")) for name in ("train", "val")]
    assert sum(len(rows.kept) for rows in trained) == 10
    manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["inputs"]) == {f"own/{settings.parent.name}/own.jsonl", "eval 0/eval.jsonl"}
    assert manifest["cost_usd"] == pytest.approx(sum(manifest["tokens"].values()) / 1e6)
    assert "eval (1 prompts)" in (data / "DATA_CARD.md").read_text(encoding="utf-8")
    assert "10 pairs; 0 rows gave none; 10 requests now" in capsys.readouterr().out


def test_the_same_command_asks_nothing_and_writes_the_same(settings: Path, teacher_server: TeacherServer) -> None:
    files = ["pairs.parquet", "rejects.parquet", "train.jsonl", "stats.json", "DATA_CARD.md", "distributions.svg"]
    contents: list[Any] = []
    for _ in range(2):
        assert run("build", settings) == 0
        contents.append([(settings.parent / "out" / "data" / name).read_bytes() for name in files])
    assert contents[0] == contents[1]
    assert teacher_server.requests == 10


def test_shards_ask_and_a_whole_build_finds_their_answers(settings: Path, teacher_server: TeacherServer) -> None:
    for shard in ("1/2", "2/2"):
        assert run("build", settings, "--shard", shard) == 0
    assert not (settings.parent / "out" / "data").exists()
    assert run("build", settings) == 0
    assert teacher_server.requests == 10


def test_a_plan_asks_nobody(settings: Path, teacher_server: TeacherServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", settings) == 0
    said = capsys.readouterr().out
    assert "10 requests, 0 of them answered" in said
    assert "contaminated:same 1" in said
    assert teacher_server.requests == 0


def test_a_batch_goes_out_and_comes_back(settings: Path, teacher_server: TeacherServer) -> None:
    file = settings.parent / "batch.jsonl"
    assert run("export-batch", settings, str(file)) == 0
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    answers = [
        {"id": "b", "custom_id": line["custom_id"], "error": None,
         "response": {"status_code": 200, "body": teacher_server.take(line["body"], "").body}}
        for line in lines
    ]  # fmt: skip
    file.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
    teacher_server.requests = 0
    assert run("import-batch", settings, str(file)) == 0
    assert run("build", settings) == 0
    assert teacher_server.requests == 0
    assert len(read_table(settings.parent / "out" / "data" / "pairs.parquet", Pair)) == 10


def test_rows_without_an_answer_are_exit_code_2(settings: Path, teacher_server: TeacherServer) -> None:
    teacher_server.http.server_close()
    settings.write_text(
        settings.read_text(encoding="utf-8").replace('model = "m"', 'model = "m"\nretries = 0'), encoding="utf-8"
    )
    teacher_server.http.shutdown()
    assert run("build", settings) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[teacher]", "[teacher]\nmodle = 1"), "unknown modle; known: base_url"),
        (("[sources.own]", "[sources.own]\nurl = 1"), "unknown keys: ['url']"),
        (('"generic"', '"hhh"'), "source must be one of oasst, hh"),
        (("[select]", "[selection]"), "unknown: ['selection']"),
        (("own.jsonl", "gone.jsonl"), "gone.jsonl"),
        (("price_in", "price_on"), "unknown price_on"),
    ],
)
def test_a_mistake_in_the_settings_is_named(
    settings: Path, change: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    assert run("build", settings) == 1
    assert message in capsys.readouterr().err


def test_the_public_settings_hold_no_folder(settings: Path) -> None:
    assert str(settings.parent) not in json.dumps(load_settings(settings).public())
