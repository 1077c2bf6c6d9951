"""Reading prompts: three formats, one meaning; what is wrong is said before anything is spent."""

import json
from pathlib import Path

import pytest

from bpo_model.errors import PromptError
from bpo_model.prove.prompts import Prompts, read_prompts

TEXTS = ["tell me about tea", 'say "hello", twice', "zwei Wörter\u2028hier"]


def written(tmp_path: Path, name: str, content: str) -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode())
    return file


def texts(prompts: Prompts) -> list[str]:
    return sorted(case.question for case in prompts.cases)


def test_jsonl_csv_and_text_hold_the_same_prompts(tmp_path: Path) -> None:
    plain = [text.replace("\u2028", " ") for text in TEXTS]
    jsonl = "\n".join([json.dumps(plain[0]), json.dumps({"prompt": plain[1], "id": 7}), "", json.dumps(plain[2])])
    table = "\ufeffid,prompt\r\n1,{}\r\n2,{}\r\n3,{}\r\n".format(*('"{}"'.format(t.replace('"', '""')) for t in plain))
    files = [("a.jsonl", jsonl), ("a.csv", table), ("a.txt", "\r\n\n".join(plain))]
    found = [read_prompts(written(tmp_path, name, content)) for name, content in files]
    assert [texts(one) for one in found] == [sorted(plain)] * 3
    assert [case.id for case in found[0].cases] == [case.id for case in found[1].cases]


def test_json_may_hold_line_ends_that_are_none_in_jsonl(tmp_path: Path) -> None:
    file = written(tmp_path, "a.jsonl", "\n".join(json.dumps(text, ensure_ascii=False) for text in TEXTS))
    assert texts(read_prompts(file)) == sorted(TEXTS)


def test_a_csv_cell_keeps_its_lines_and_another_column_may_hold_the_prompts(tmp_path: Path) -> None:
    file = written(tmp_path, "a.csv", 'question,prompt\n"first\nsecond",x\n')
    assert texts(read_prompts(file, "question")) == ["first\nsecond"]
    with pytest.raises(PromptError, match="no column 'text'; it has: question, prompt"):
        read_prompts(file, "text")


def test_a_conversation_is_judged_as_a_whole_and_a_single_turn_as_its_text(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    file = written(tmp_path, "a.jsonl", "\n".join(json.dumps({"messages": one}) for one in (turns, turns[1:])))
    assert texts(read_prompts(file)) == ["hi", "system: Be brief.\n\nuser: hi"]


def test_a_repeated_prompt_is_one_case(tmp_path: Path) -> None:
    found = read_prompts(written(tmp_path, "a.txt", "one\ntwo\none\n  \none\n"))
    assert (texts(found), found.repeated) == (["one", "two"], 2)
    assert min(case.line for case in found.cases) == 1


def test_a_larger_sample_holds_the_smaller_one_and_the_order_is_not_the_files(tmp_path: Path) -> None:
    lines = [f"prompt {number}" for number in range(100)]
    there = read_prompts(written(tmp_path, "a.txt", "\n".join(lines)))
    back = read_prompts(written(tmp_path, "b.txt", "\n".join(reversed(lines))))
    assert [case.id for case in there.first(30).cases[:10]] == [case.id for case in back.first(10).cases]
    assert [case.question for case in there.cases] != lines


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", " \n", "there is no prompt in it"),
        (
            "a.jsonl",
            '"fine"\n{"promt": "x"}\nnot json\n{}\n{}\n',
            "line 2: expected .*; line 3: not a line .*and 1 more",
        ),
        ("a.jsonl", '"\\ud800 half"', "line 1: not plain text"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": [{"type": "image"}]}]}', "no text; the judge could not"),
        ("a.jsonl", '{"messages": [{"role": "robot", "content": "x"}]}', "line 1: message 0 has role 'robot'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        read_prompts(written(tmp_path, name, content))


def test_a_file_that_is_not_there_or_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for name in ("none.txt", "latin.txt"):
        with pytest.raises(PromptError, match=f"cannot read prompts from .*{name}"):
            read_prompts(tmp_path / name)
