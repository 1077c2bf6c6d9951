"""The paper's four test sets, or any file of prompts, as items with stable ids.

The files are not part of this project: they are read from a folder (`--data`), else fetched once
from the authors' repository. Their content is checked before it is used.
"""

import hashlib
import json
import random
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from bpo_model.compare.types import Item
from bpo_model.files import write_text

HOME = "https://raw.githubusercontent.com/thu-coai/BPO/9bf5415/data/testset/"
"""The authors' repository at the commit that was read; the download itself has not been tried."""
BESIDE = Path(__file__).parents[3] / "shared" / "data" / "testsets"
"""Where the files lie in development."""
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One set: its file, how a row becomes an item, and what its items are known to be."""

    file: str
    count: int
    sha256: str
    """Of the normalized items."""
    to_item: Callable[[int, Mapping[str, Any]], Item]


def _joined(instruction: str, context: str) -> str:
    """The paper's rule: instruction, newline, context, without outer white space."""
    return f"{instruction}\n{context}".strip()


def _vicuna(number: int, row: Mapping[str, Any]) -> Item:
    return Item(f"vicuna/{row['question_id']}", "vicuna", row["text"].strip(), row["category"])


def _self_instruct(number: int, row: Mapping[str, Any]) -> Item:
    prompt = _joined(row["instruction"], row["context"])
    return Item(f"self_instruct/{row['id']}", "self_instruct", prompt, row["category"])


def _dolly(number: int, row: Mapping[str, Any]) -> Item:
    return Item(f"dolly/{number}", "dolly", _joined(row["instruction"], row["context"]), row.get("category", ""))


def _bpo_test(number: int, row: Mapping[str, Any]) -> Item:
    return Item(f"bpo_test/{number}", "bpo_test", row["prompt"].strip(), "", row["good_res"], row["bad_res"])


SETS = {
    "vicuna": Benchmark(
        "vicuna_eval.jsonl", 80, "c50513a110767639631ebb69a3c7df12af05a525595ad48842d9fd40cc388044", _vicuna
    ),
    "self_instruct": Benchmark(
        "self_instruct_eval.json",
        252,
        "ba19f9cc94a1cfb1a76490f93309e274b3a7d0dd462590284f524d8436925b5e",
        _self_instruct,
    ),
    "dolly": Benchmark(
        "dolly_eval.json", 200, "e46906b869f3682f626837cb3e8ea0292e94669fd896b017e07aa158edf4a966", _dolly
    ),
    "bpo_test": Benchmark(
        "bpo_test.json", 200, "b3d59e2e76634a2e18cb5db09b75fdf46c85e07f5bd6b78c37388cb0ea971712", _bpo_test
    ),
}


def load(name_or_path: str, folder: Path | None = None, limit: int | None = None, seed: int = 0) -> list[Item]:
    """Items of a set by name, or of a user's file (JSON list or JSONL of texts or of objects with `prompt`).

    `limit` takes a seeded sample, so that a small run is not a run on the first categories.

    Raises:
        ValueError: If the name is unknown, a row cannot be read, or a set is not the one that is known.
    """
    items = _benchmark(name_or_path, folder) if name_or_path in SETS else _own(Path(name_or_path))
    if limit is None or limit >= len(items):
        return items
    chosen = random.Random(f"{seed} {name_or_path}").sample(range(len(items)), limit)
    return [items[index] for index in sorted(chosen)]


def dataset_sha(items: Sequence[Item]) -> str:
    """SHA-256 of items, whatever their order."""
    text = json.dumps(sorted(map(list, (asdict(item).values() for item in items))), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_rows(text: str) -> list[Any]:
    """Rows of a JSON list or of JSONL."""
    if text.lstrip().startswith("["):
        rows: list[Any] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _benchmark(name: str, folder: Path | None) -> list[Item]:
    """A known set, checked."""
    known = SETS[name]
    rows = read_rows(_text(known.file, folder))
    items = [known.to_item(number, row) for number, row in enumerate(rows)]
    found = dataset_sha(items)
    if len(items) != known.count or found != known.sha256:
        raise ValueError(
            f"{known.file} is not the set that is known as {name}: expected {known.count} items with sha256 "
            f"{known.sha256[:12]}..., got {len(items)} with {found[:12]}... Use the authors' file, or pass "
            "this one as a file of your own."
        )
    return items


def _text(file: str, folder: Path | None) -> str:
    """From the folder, from beside the checkout, from the cache, or from the authors' repository."""
    cached = Path(platformdirs.user_cache_dir("bpo")) / "testsets" / file
    for place in (folder / file,) if folder else (BESIDE / file, cached):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    if folder:
        raise ValueError(f"{folder} holds no {file}")
    with urllib.request.urlopen(HOME + file, timeout=TIMEOUT_S) as reply:
        text: str = reply.read().decode("utf-8")
    cached.parent.mkdir(parents=True, exist_ok=True)
    write_text(cached, text)
    return text


def _own(path: Path) -> list[Item]:
    """A user's file; the set's name is the file's."""
    if not path.is_file():
        raise ValueError(f"no set or file {path}; known sets: {', '.join(SETS)}")
    items = [_own_item(path.stem, number, row) for number, row in enumerate(read_rows(path.read_text("utf-8")))]
    repeated = len(items) - len({item.id for item in items})
    if not items or repeated:
        raise ValueError(f"{path.name} needs prompts with different ids, got {len(items)} prompts, {repeated} repeated")
    return items


def _own_item(name: str, number: int, row: Any) -> Item:
    """A text, or an object with prompt and maybe id and category."""
    row = {"prompt": row} if isinstance(row, str) else row
    prompt = row.get("prompt") if isinstance(row, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"row {number} needs a prompt as text, got {str(row)[:80]!r}")
    return Item(f"{name}/{row.get('id', number)}", name, prompt.strip(), str(row.get("category", "")))
