"""The four sets are the known ones, and a user's file is read or refused with a reason."""

import json
import re
from pathlib import Path

import pytest

from evals.winrate.benchmarks import SETS, dataset_sha, load


@pytest.fixture
def folder(data: Path) -> Path:
    return data / "testsets"


def test_the_sets_have_their_counts_and_unique_ids(folder: Path) -> None:
    items = {name: load(name, folder) for name in SETS}
    assert {name: len(found) for name, found in items.items()} == {
        "vicuna": 80,
        "self_instruct": 252,
        "dolly": 200,
        "bpo_test": 200,
    }
    ids = [item.id for found in items.values() for item in found]
    assert len(set(ids)) == 732
    assert {"vicuna/1", "self_instruct/user_oriented_task_0", "dolly/0", "bpo_test/0"} <= set(ids)
    assert all(item.prompt and item.prompt == item.prompt.strip() for found in items.values() for item in found)
    assert all(item.good and item.bad for item in items["bpo_test"])


def test_a_context_follows_its_instruction_on_a_new_line(folder: Path) -> None:
    row = json.loads((folder / "dolly_eval.json").read_text(encoding="utf-8"))[0]
    assert load("dolly", folder)[0].prompt == f"{row['instruction']}\n{row['context']}".strip()


@pytest.mark.parametrize("name", SETS)
def test_a_single_changed_character_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    text = (folder / SETS[name].file).read_text(encoding="utf-8")
    (tmp_path / SETS[name].file).write_text(text.replace("the", "teh", 1), encoding="utf-8")
    with pytest.raises(
        ValueError, match=rf"{re.escape(SETS[name].file)} is not the set that is known as {name}: expected"
    ):
        load(name, tmp_path)


def test_a_missing_row_is_refused(folder: Path, tmp_path: Path) -> None:
    rows = json.loads((folder / "bpo_test.json").read_text(encoding="utf-8"))
    (tmp_path / "bpo_test.json").write_text(json.dumps(rows[1:]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected 200 items .* got 199"):
        load("bpo_test", tmp_path)


def test_a_limit_is_a_sample_that_repeats_itself(folder: Path) -> None:
    some = load("vicuna", folder, limit=20)
    assert some == load("vicuna", folder, limit=20)
    assert len({item.category for item in some}) > 3
    assert some != load("vicuna", folder, limit=20, seed=1)


def test_the_hash_does_not_depend_on_the_order(folder: Path) -> None:
    items = load("vicuna", folder)
    assert dataset_sha(items) == dataset_sha(items[::-1]) == SETS["vicuna"].sha256


def test_a_file_of_ones_own_may_be_texts_or_objects(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('"tell me why"\n{"prompt": " and how ", "id": "x", "category": "c"}\n', encoding="utf-8")
    first, second = load(str(file))
    assert (first.id, first.prompt) == ("mine/0", "tell me why")
    assert (second.id, second.prompt, second.category, second.set) == ("mine/x", "and how", "c", "mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"prompt": ""}]', "row 0 needs a prompt as text"),
        ("[5]", "row 0 needs a prompt as text, got '5'"),
        ('[{"prompt": "a", "id": 1}, {"prompt": "b", "id": 1}]', "got 2 prompts, 1 repeated"),
        ("[]", "got 0 prompts"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(str(file))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no set or file viccuna; known sets: vicuna, self_instruct, dolly, bpo_test"):
        load("viccuna")
    with pytest.raises(ValueError, match=r"holds no vicuna_eval\.jsonl"):
        load("vicuna", Path("nowhere"))
