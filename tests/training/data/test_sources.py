"""Parsers on rows in the real schemas, written by us, and on the real files where they are at hand."""

import gzip
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bpo_model.errors import BPOError
from training.data.sources import SOURCES, load_source, source_files
from training.data.sources.fields import Row
from training.data.sources.read import read_rows
from training.data.types import Preference, Reject


def parse(name: str, rows: list[Any]) -> tuple[list[Preference], Counter[str]]:
    items = list(SOURCES[name].parse(rows))
    rejects = [item for item in items if isinstance(item, Reject)]
    assert all(reject.stage == "load" and reject.id.startswith(f"{name}/") for reject in rejects)
    return [item for item in items if isinstance(item, Preference)], Counter(reject.reason for reject in rejects)


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# HH-RLHF


def talk(*turns: str) -> str:
    return "".join(f"\n\n{'Assistant' if n % 2 else 'Human'}: {words}" for n, words in enumerate(turns))


HH_ROWS: list[dict[str, Any]] = [
    {"chosen": talk("how do i boil an egg?", "Ten minutes."), "rejected": talk("how do i boil an egg?", "No idea. ")},
    {"chosen": talk("hi", "Hello.", "bye", "Bye."), "rejected": talk("hi", "Hello.", "bye", "Stay.")},
    {"chosen": talk("hi", "Hello."), "rejected": talk("hi", "Hello.", "bye", "Bye.")},
    {"chosen": talk("hi", "Hello."), "rejected": talk("hello", "Hi.")},
    {"chosen": talk("hi", "Hello."), "rejected": talk("hi", " Hello. ")},
    {"chosen": talk("hi", "Hello."), "rejected": talk("hi", "")},
    {"chosen": talk(" ", "Hello."), "rejected": talk("", "Hi.")},
    {"chosen": "hi", "rejected": talk("hi", "Hello.")},
    {"chosen": "System: be kind." + talk("hi", "Hello."), "rejected": talk("hi", "Hi.")},
    {"chosen": "\n\nAssistant: x\n\nHuman: y", "rejected": talk("hi", "Hello.")},
    {"chosen": talk("hi", "Hello.")},
    {"chosen": talk("hi", "Hello."), "rejected": 7},
    {"question_id": "1"},
]


def test_hh_keeps_single_turns_and_names_the_reason_for_all_others() -> None:
    kept, reasons = parse("hh", HH_ROWS)
    assert [(p.instruction, p.context, p.chosen, p.rejected, p.language, p.licence, p.source) for p in kept] == [
        ("how do i boil an egg?", "", "Ten minutes.", "No idea.", "en", "MIT", "hh")
    ]
    assert reasons == {
        "multi_turn": 2,
        "different_prompts": 1,
        "identical_answers": 1,
        "empty_answer": 1,
        "empty_prompt": 1,
        "malformed": 6,
    }


def test_ids_come_from_the_content_and_not_from_the_order() -> None:
    kept, _ = parse("hh", HH_ROWS)
    assert kept[0].id == f"hh/{kept[0].source_id}" == "hh/e1dd32f10ba3650e", "ids must never change"
    assert {item.id for item in parse("hh", HH_ROWS[::-1])[0]} == {kept[0].id}
    other, _ = parse("hh", [HH_ROWS[0] | {"rejected": talk("how do i boil an egg?", "No ideas.")}])
    assert other[0].id != kept[0].id


def test_the_real_hh_file_has_661_single_turns_of_which_658_are_usable(data: Path) -> None:
    kept, rejects = load_source("hh", data / "preferences" / "hh_rlhf_harmless_base_test.jsonl.gz")
    reasons = Counter(reject.reason for reject in rejects)
    assert len(kept) + len(rejects) == 2312
    assert 2312 - reasons["multi_turn"] == 661
    assert (len(kept), reasons) == (658, {"multi_turn": 1651, "empty_answer": 3})
    assert len({item.id for item in kept} | {reject.id for reject in rejects}) == 2312


# OASST1


def message(id_: str, words: str, parent: str | None = None, rank: object = None, **more: Any) -> dict[str, Any]:
    role = "prompter" if parent is None else "assistant"
    row = {"message_id": id_, "parent_id": parent, "text": words, "role": role, "lang": "en", "review_result": True}
    return row | {"deleted": False, "rank": rank, "synthetic": False, "tree_state": "ready_for_export"} | more


def answers(root: str, *ranks: object) -> list[dict[str, Any]]:
    return [message(f"{root}-{n}", f"answer {n}", root, rank) for n, rank in enumerate(ranks)]


OASST_TREES = [
    [message("a", "Name a river."), *answers("a", 1, 2, 0), message("a-2-0", "And a sea.", "a-2", role="prompter")],
    [message("b", "Nenne einen Fluss.", lang="de"), *answers("b", 0.0, 1.0)],
    [message("c", "Nomeie um rio.", lang="pt-BR"), *answers("c", 0, 1)],
    [message("d", "x", tree_state="halted_by_moderator"), *answers("d", 0, 1)],
    [message("e", "x", deleted=True), *answers("e", 0, 1)],
    [message("f", "x", review_result=False), *answers("f", 0, 1)],
    [message("g", "x"), *answers("g", 0, None), message("g-9", "gone", "g", 1, deleted=True)],
    [message("h", "x"), *answers("h", 3, 3)],
    [message("i", "x"), message("i-0", "same", "i", 0), message("i-1", "same", "i", 1)],
    [message("j", "x", role="assistant"), *answers("j", 0, 1)],
    [message("k", "  "), *answers("k", 0, 1)],
    [message("l", "x"), *answers("l", True, float("nan"), "0", 10**400, 0)],
]
OASST_KEPT = [
    ("a", "Name a river.", "answer 2", "answer 1", "en"),
    ("b", "Nenne einen Fluss.", "answer 0", "answer 1", "de"),
    ("c", "Nomeie um rio.", "answer 0", "answer 1", "pt"),
]
OASST_REASONS = {
    "wrong_tree_state": 1,
    "deleted": 1,
    "failed_review": 1,
    "too_few_replies": 2,
    "tied_ranks": 1,
    "identical_answers": 1,
    "malformed": 1,
    "empty_prompt": 1,
}


def nested(tree: list[dict[str, Any]]) -> dict[str, Any]:
    """The tree export leaves out null ranks and the root's parent, and names the state once."""

    def whole(one: dict[str, Any]) -> dict[str, Any]:
        replies = [whole(other) for other in tree if other["parent_id"] == one["message_id"]]
        fields = {key: value for key, value in one.items() if value is not None and key != "tree_state"}
        return fields | {"replies": replies}

    return {"message_tree_id": "t", "tree_state": tree[0]["tree_state"], "prompt": whole(tree[0])}


@pytest.mark.parametrize("form", ["flat", "shuffled", "nested"])
def test_both_forms_of_oasst_give_the_same_best_against_worst(form: str) -> None:
    rows: list[Any] = [row for tree in OASST_TREES for row in tree]
    if form == "shuffled":
        random.Random(3).shuffle(rows)
    kept, reasons = parse("oasst", [nested(tree) for tree in OASST_TREES] if form == "nested" else rows)
    assert sorted((p.source_id, p.instruction, p.chosen, p.rejected, p.language) for p in kept) == OASST_KEPT
    assert {(p.context, p.licence) for p in kept} == {("", "Apache-2.0")}
    assert reasons == OASST_REASONS


def test_an_oasst_reply_without_its_parent_and_rows_of_no_form_are_counted() -> None:
    rows = [message("z", "lost", "nowhere", 0), message("y", "lost", "", 0, parent_id=7), {"text": "x"}, {"prompt": {}}]
    kept, reasons = parse("oasst", rows)
    assert (kept, reasons) == ([], {"orphan": 2, "malformed": 2})


def test_every_real_oasst_tree_is_counted(data: Path) -> None:
    kept, rejects = load_source("oasst", data / "preferences" / "oasst_en_100_tree.jsonl")
    assert (len(kept), [reject.reason for reject in rejects]) == (99, ["too_few_replies"])
    river = next(item for item in kept if item.source_id == "054e1df3-35e0-4bb8-a585-607dbdcd24e0")
    assert river.instruction == "How can I find the best 401k plan for my needs?"
    assert river.chosen.startswith("The first step is to research your options.")
    assert river.rejected.startswith("The best way to find a 401k plan")


# Chatbot Arena


def said(*words: str) -> list[dict[str, str]]:
    return [{"content": one, "role": "assistant" if n % 2 else "user"} for n, one in enumerate(words)]


def battle(id_: str, winner: str, a: Any, b: Any, language: str = "English") -> dict[str, Any]:
    row = {"question_id": id_, "model_a": "m", "model_b": "n", "winner": winner, "judge": "arena_user_1", "turn": 1}
    row |= {"conversation_a": a, "conversation_b": b, "anony": True, "language": language, "tstamp": 1682351591.1}
    return row | {"openai_moderation": {"flagged": True}, "toxic_chat_tag": {"roberta-large": {"flagged": True}}}


ARENA_ROWS = [
    battle("1", "model_a", said("Name a sea.", "The North Sea."), said("Name a sea.", "No.")),
    battle("2", "model_b", said("Name a sea.", "No."), said("Name a sea.", "The Baltic."), "German"),
    battle("3", "model_a", said("q", "yes"), said("q", "no"), "unknown"),
    battle("4", "tie", said("q", "yes"), said("q", "no")),
    battle("5", "tie (bothbad)", said("q", "yes"), said("q", "no")),
    battle("6", "model_a", said("q", "yes", "r", "s"), said("q", "no", "r", "t")),
    battle("7", "model_a", said("q", "yes"), said("p", "no")),
    battle("8", "model_a", said("q", "yes"), said("q", "yes")),
    battle("9", "model_a", said("q", "yes"), said("q", "")),
    battle("10", "model_c", said("q", "yes"), said("q", "no")),
    battle("11", "model_a", said("q", "yes"), None),
    battle("12", "model_a", [{"role": "user"}], said("q", "no")),
    battle("13", "model_a", said("q", "broken \ud800"), said("q", "no")),
    {"chosen": "x", "rejected": "y"},
]


def test_arena_keeps_votes_and_counts_ties_and_longer_talks() -> None:
    kept, reasons = parse("arena", ARENA_ROWS)
    assert [(p.id, p.instruction, p.chosen, p.rejected, p.language) for p in kept] == [
        ("arena/1", "Name a sea.", "The North Sea.", "No.", "en"),
        ("arena/2", "Name a sea.", "The Baltic.", "No.", "de"),
        ("arena/3", "q", "yes", "no", ""),
    ]
    assert kept[0].licence == "CC-BY-4.0 AND CC-BY-NC-4.0"
    assert reasons == {
        "tie": 2,
        "multi_turn": 1,
        "different_prompts": 1,
        "identical_answers": 1,
        "empty_answer": 1,
        "malformed": 5,
    }


# Alpaca, compared by GPT-4


def scored(prompt: Any, **scores: Any) -> dict[str, Any]:
    names = {"gpt4": "gpt4", "davinci": "text-davinci-003", "icm": "icm-1.3b"}
    found = [{"response": f"by {name}", "source": names[name], "score": score} for name, score in scores.items()]
    return {"user_input": prompt, "responses_and_scores": found}


ALPACA_ROWS = [
    scored("Name a sea.", gpt4=9.0, davinci=7.0, icm=2.0),
    scored("Name a lake.", davinci=7.0, gpt4=7.0),
    scored("Name a hill.", davinci=8.0, gpt4=7.0),
    scored("Name a wood.", gpt4=7.0, icm=1.0),
    scored("Name a town.", gpt4=float("nan"), davinci=1.0),
    scored("Name a road.", gpt4=7.0, davinci="5"),
    scored(None, gpt4=7.0, davinci=5.0),
    {"user_input": "Name a way.", "responses_and_scores": [{"response": "x", "source": "gpt4", "score": 9}] * 2},
    {"user_input": "Name a way.", "responses_and_scores": ["x"]},
    {"chosen": "x"},
]
ALPACA_REASONS = {"davinci_not_worse": 2, "answer_missing": 1, "malformed": 6}


def test_alpaca_keeps_gpt4_over_davinci_alone() -> None:
    kept, reasons = parse("alpaca", ALPACA_ROWS)
    assert [(p.instruction, p.context, p.chosen, p.rejected, p.language, p.licence) for p in kept] == [
        ("Name a sea.", "", "by gpt4", "by davinci", "en", "CC-BY-NC-4.0")
    ]
    assert reasons == ALPACA_REASONS


JOINED = [
    ("Sort the words", "river, sea", "Sort the words\nriver, sea"),
    ("Sort the words", "lake, hill", "Sort the words\n\nlake, hill"),
    ("Name a sea.", "", "Name a sea."),
    ("Name a lake.", "<noinput>", "Name a lake. <noinput>"),
]


def test_alpaca_finds_the_context_in_the_file_of_instructions_or_leaves_the_row_out(tmp_path: Path) -> None:
    known = [{"instruction": i, "input": c, "output": "o"} for i, c, _ in JOINED]
    known += [
        {"instruction": "Add", "input": "a b", "output": "o"},
        {"instruction": "Add a", "input": "b", "output": ""},
    ]
    rows = [scored(prompt, gpt4=2, davinci=1) for *_, prompt in JOINED]
    rows += [scored("Not there.", gpt4=2, davinci=1), scored("Add a b", gpt4=2, davinci=1)]
    (tmp_path / "comparison_data_v2.json").write_text(json.dumps(rows), encoding="utf-8")
    kept, _ = load_source("alpaca", tmp_path)
    assert {p.context for p in kept} == {""}, "without the other file all is instruction"
    (tmp_path / "alpaca_gpt4_data.json").write_text(json.dumps(known), encoding="utf-8")
    kept, rejects = load_source("alpaca", tmp_path)
    expected = [(i, "" if c == "<noinput>" else c) for i, c, _ in JOINED]
    assert sorted((p.instruction, p.context) for p in kept) == sorted(expected)
    assert sorted(reject.reason for reject in rejects) == ["ambiguous_context", "not_in_instructions"]


TEMPLATE = "Below is an instruction that describes a task{}. Write a response.\n\n### Instruction:\n{}"


@pytest.mark.parametrize("end", ["", "\n\n### Response:", "\n\n### Response:\n"])
def test_alpaca_takes_the_parts_of_a_rendered_template(end: str) -> None:
    rows = [
        scored(TEMPLATE.format("", "Name a sea.") + end, gpt4=2, davinci=1),
        scored(TEMPLATE.format(", with an input", "Sort\nthis:\n\n### Input:\na\n\nb") + end, gpt4=2, davinci=1),
    ]
    kept, _ = parse("alpaca", rows)
    assert [(p.instruction, p.context) for p in kept] == [("Name a sea.", ""), ("Sort\nthis:", "a\n\nb")]


# Any file


def turn(role: str, words: str) -> dict[str, str]:
    return {"role": role, "content": words}


GENERIC_GOOD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"prompt": "q", "chosen": "a", "rejected": "b"}, ("q", "", "a", "b", "", "NOASSERTION")),
    (
        {"prompt": "q", "chosen": "a", "rejected": "b", "context": " c\n", "language": "en-US", "licence": "MIT"},
        ("q", " c\n", "a", "b", "en", "MIT"),
    ),
    ({"prompt": "q", "chosen": "a", "rejected": "b", "license": "ISC"}, ("q", "", "a", "b", "", "ISC")),
    (
        {"prompt": [turn("user", "q")], "chosen": [turn("assistant", "a")], "rejected": [turn("assistant", "b")]},
        ("q", "", "a", "b", "", "NOASSERTION"),
    ),
    ({"chosen": said("q", "a"), "rejected": said("q", "b")}, ("q", "", "a", "b", "", "NOASSERTION")),
    ({"prompt": "q", "chosen": said("q", "a"), "rejected": said("q", "b")}, ("q", "", "a", "b", "", "NOASSERTION")),
]


@pytest.mark.parametrize(("row", "expected"), GENERIC_GOOD)
def test_generic_reads_texts_and_single_turn_conversations(row: dict[str, Any], expected: tuple[str, ...]) -> None:
    kept, reasons = parse("generic", [row])
    assert not reasons
    assert [(p.instruction, p.context, p.chosen, p.rejected, p.language, p.licence) for p in kept] == [expected]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "q", "chosen": "a"}, "malformed"),
        ({"chosen": "a", "rejected": "b"}, "multi_turn"),
        ({"prompt": 1, "chosen": "a", "rejected": "b"}, "malformed"),
        ({"prompt": "q", "chosen": [], "rejected": "b"}, "malformed"),
        ({"prompt": "q", "chosen": "a", "rejected": "b", "context": 5}, "malformed"),
        ({"prompt": "q", "chosen": "a", "rejected": "a"}, "identical_answers"),
        ({"prompt": "q", "chosen": "a", "rejected": " "}, "empty_answer"),
        ({"prompt": "\n", "chosen": "a", "rejected": "b"}, "empty_prompt"),
        ({"prompt": said("q", "a", "r"), "chosen": "a", "rejected": "b"}, "multi_turn"),
        ({"prompt": [turn("system", "s"), turn("user", "q")], "chosen": "a", "rejected": "b"}, "system_message"),
        ({"prompt": "p", "chosen": said("q", "a"), "rejected": said("q", "b")}, "different_prompts"),
        ({"chosen": said("q", "a"), "rejected": said("p", "b")}, "different_prompts"),
        ({1: "x", "prompt": "q"}, "malformed"),
    ],
)
def test_generic_names_what_it_cannot_use(row: dict[Any, Any], reason: str) -> None:
    assert parse("generic", [row]) == ([], {reason: 1})


def test_generic_keeps_own_ids_and_the_name_of_the_user(tmp_path: Path) -> None:
    rows = [{"id": 7, "prompt": "q", "chosen": "a", "rejected": "b"}, {"id": "x/1", "prompt": "q", "chosen": "a"}]
    rows += [{"id": "x/2", "prompt": "r", "chosen": "a", "rejected": "b"}]
    kept, rejects = load_source("generic", write_lines(tmp_path / "own.jsonl", rows), name_as="support-desk")
    assert [(p.id, p.source, p.source_id) for p in kept] == [
        ("support-desk/7", "support-desk", "7"),
        ("support-desk/x/2", "support-desk", "x/2"),
    ]
    assert [(reject.source, reject.id.split("/")[0]) for reject in rejects] == [("support-desk", "support-desk")]


# Where rows come from


ROWS = [{"prompt": f"q{n}", "chosen": "a\u2028b", "rejected": "c"} for n in range(3)]


@pytest.mark.parametrize("form", [".jsonl", ".jsonl.gz", ".json", ".parquet"])
def test_every_form_of_file_gives_the_same_preferences(tmp_path: Path, form: str) -> None:
    from pyarrow import Table, parquet

    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
    file = tmp_path / f"rows{form}"
    if form == ".parquet":
        parquet.write_table(Table.from_pylist(ROWS), file)
    else:
        file.write_bytes({".jsonl": lines, ".jsonl.gz": gzip.compress(lines)}.get(form, json.dumps(ROWS).encode()))
    kept, rejects = load_source("generic", file)
    assert (sorted(p.instruction for p in kept), rejects) == (["q0", "q1", "q2"], [])
    assert {p.chosen for p in kept} == {"a\u2028b"}


def test_a_line_that_is_no_object_is_a_reject_and_the_rest_is_read(tmp_path: Path) -> None:
    good = json.dumps(ROWS[0]).encode()
    bad = [
        b"{",
        b"[1]",
        b'"x"',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"prompt": "\\ud800", "chosen": "a", "rejected": "b"}',
    ]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([*bad, b"", b" ", good]))
    kept, rejects = load_source("generic", tmp_path / "x.jsonl")
    assert len(kept) == 1
    assert [reject.reason for reject in rejects] == ["malformed"] * len(bad)


def deep(levels: int) -> Row:
    row: dict[str, Any] = {}
    for _ in range(levels):
        row = {"a": row}
    return row


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_rows_of_no_known_shape_never_stop_a_parser(name: str) -> None:
    strange: list[Any] = [
        {},
        {"a": object()},
        {1: 2, "b": 3},
        deep(5_000),
        {"prompt": None, "chosen": {}, "user_input": 1},
    ]
    strange += [{"message_id": [], "question_id": {}, "instruction": 5, "conversation_a": [[]]}]
    kept, reasons = parse(name, strange)
    assert (kept, reasons) == ([], {"malformed": len(strange)})


def test_of_two_rows_with_one_id_the_same_is_kept_in_any_order(tmp_path: Path) -> None:
    rows = [{"id": "1", "prompt": "q", "chosen": chosen, "rejected": "c"} for chosen in ("b", "a", "a")]
    for order in (rows, rows[::-1]):
        kept, rejects = load_source("generic", write_lines(tmp_path / "x.jsonl", order))
        assert [p.chosen for p in kept] == ["a"]
        assert [(reject.reason, reject.detail) for reject in rejects] == [
            ("duplicate_id", "another row with the same id"),
            ("duplicate_id", "the same row again"),
        ]


@pytest.mark.parametrize("cut", [30, -12])
def test_a_torn_archive_is_an_error_with_its_name(tmp_path: Path, cut: int) -> None:
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROWS[0]).encode() * 50)[:cut])
    with pytest.raises(ValueError, match=r"torn\.jsonl\.gz is damaged"):
        load_source("generic", tmp_path / "torn.jsonl.gz")


@pytest.mark.parametrize("name", ["x.parquet", "x.json"])
def test_a_file_that_is_not_what_its_name_says_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged or not of the form"):
        list(read_rows([tmp_path / name]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "oast", "path": "x"}, "no source 'oast'; known are oasst, hh, arena, alpaca, generic"),
        ({"name": "hh", "path": "Anthropic/hh-rlhf"}, "no file or folder Anthropic/hh-rlhf"),
        ({"name": "hh", "path": "{tmp}/x.txt"}, "must end in .jsonl"),
        ({"name": "hh", "path": "{tmp}"}, "has none of harmless-base"),
        ({"name": "hh", "path": "{tmp}/empty.jsonl"}, "no rows of hh"),
        ({"name": "hh", "path": "{tmp}/empty.jsonl", "revision": "main"}, "not both"),
        ({"name": "hh", "path": "{tmp}/empty.jsonl", "name_as": "a/b"}, "cannot be called 'a/b'"),
        ({"name": "arena"}, "pin a revision of lmsys/chatbot_arena_conversations"),
        ({"name": "alpaca"}, "alpaca is not on the hub"),
        ({"name": "generic", "revision": "main"}, "generic is not on the hub"),
    ],
)
def test_misuse_is_an_error_that_says_what_to_do_and_asks_no_hub(
    tmp_path: Path, arguments: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    (tmp_path / "x.txt").touch()
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ValueError, match=message):
        load_source(**{key: value.replace("{tmp}", str(tmp_path)) for key, value in arguments.items()})


# The hub, as far as a download needs it


COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "harmless-base/train.jsonl.gz": gzip.compress(json.dumps(HH_ROWS[0]).encode()),
    "helpful-base/train.jsonl.gz": gzip.compress(json.dumps(HH_ROWS[3]).encode()),
    "helpful-base/test.jsonl.gz": gzip.compress(json.dumps(HH_ROWS[1]).encode()),
    "red-team-attempts/red_team_attempts.jsonl.gz": gzip.compress(b"{}"),
}


class Hub(BaseHTTPRequestHandler):
    """One public dataset and one gated; notes what is asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "arena" in self.path:
            return self.answer(403, b"gated", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        if "/api/" in self.path:
            names = [{"rfilename": name} for name in FILES]
            tree = [{"type": "file", "path": name, "size": len(body), "oid": name} for name, body in FILES.items()]
            info = {"id": "Anthropic/hh-rlhf", "sha": COMMIT, "siblings": names, "private": False, "downloads": 1}
            return self.answer(
                200, json.dumps(tree if "/tree/" in self.path else info | {"likes": 1, "tags": []}).encode()
            )
        body = FILES[self.path.split(f"{COMMIT}/")[1]]
        return self.answer(200, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{hash(body):x}"'})

    do_HEAD = do_GET

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is asked of a hub on this machine, with an empty cache."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHub", (Hub,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    yield asked
    server.shutdown()
    server.server_close()


def test_a_pinned_revision_is_downloaded_without_test_splits_and_red_team_talks(hub: list[str]) -> None:
    kept, rejects = load_source("hh", revision=COMMIT)
    assert ([p.instruction for p in kept], [reject.reason for reject in rejects]) == (
        ["how do i boil an egg?"],
        ["different_prompts"],
    )
    assert [file.parent.name for file in source_files("hh", revision=COMMIT)] == ["harmless-base", "helpful-base"]
    asked = [path for path in hub if "hh-rlhf" in path]  # the library has questions of its own when it is new
    assert asked
    assert all(COMMIT in path for path in asked)
    assert not any("test.jsonl" in path or "red_team" in path for path in asked)


def test_a_gated_dataset_is_an_error_that_says_how_to_get_it(hub: list[str]) -> None:
    with pytest.raises(BPOError, match=r"chatbot_arena_conversations at abc: (?s:.*)accept its conditions"):
        load_source("arena", revision="abc")
    assert hub
