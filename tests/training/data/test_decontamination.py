"""No prompt of a test set gets into the training data, however it is dressed; and little else is lost."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from training.data.selection.decontaminate import decontaminate, find, make_index
from training.data.selection.evals import EvalPrompt, read_evals
from training.data.types import Preference

FILES = ("vicuna_eval.jsonl", "self_instruct_eval.json", "dolly_eval.json", "bpo_test.json")
OWN = {
    "vicuna_eval.jsonl": '{"question_id": 1, "text": "How do glaciers shape a valley?", "category": "generic"}\n',
    "self_instruct_eval.json": json.dumps([
        {
            "id": "user_oriented_task_7",
            "category": "Mail",
            "instruction": "Turn the given notes into a polite letter to the landlord.",
            "context": "- heating broken since Monday\n- three calls, no answer",
            "output": "Dear Mr Brandt, ...",
        }
    ]),
    "dolly_eval.json": json.dumps([
        {"instruction": "Who designed the Atomium?", "context": "The Atomium is in Brussels. André Waterkeyn drew it."},
        {"instruction": "What is a kelpie?", "context": ""},
    ]),
    "bpo_test.json": json.dumps([
        {"prompt": "why do cats purr", "optimized_prompt": "Explain why cats purr.", "good_res": "x", "bad_res": "y"}
    ]),
}  # fmt: skip
"""A row or two in each of the four schemas."""

DRESSES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "more white space": lambda text: "  " + re.sub(r"\s+", " \n\t", text) + "\n",
    "no punctuation": lambda text: re.sub(r"[^\w\s]", "", text),
    "punctuation as spaces": lambda text: re.sub(r"[^\w\s]", " ", text),
    "more punctuation": lambda text: "**" + re.sub(r"\s+", ", ", text) + "**!!",
    "sentences around": lambda text: f"Hello, I need some help today. {text} Please be brief, I am in a hurry!",
    "sentences without borders": lambda text: f"hi can you help me {text.lower().rstrip('.?!')} thanks a lot",
    "all of it": lambda text: "SO, MY QUESTION:\n\n" + re.sub(r"[^\w\s]", "", text.upper()) + "\n\n(one paragraph)",
}


def row(instruction: str, context: str = "") -> Preference:
    return Preference("own/1", "own", "1", instruction, context, "yes", "no", "en", "MIT")


@pytest.fixture
def own(tmp_path: Path) -> list[EvalPrompt]:
    """Fixture rows, read from files in the four schemas."""
    for name, content in OWN.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return read_evals([tmp_path / name for name in FILES])


@pytest.fixture(scope="module")
def real(data: Path) -> list[EvalPrompt]:
    return read_evals([data / "testsets" / name for name in FILES])


def survivors(evals: list[EvalPrompt], dress: Callable[[str], str]) -> list[str]:
    index = make_index(evals)
    return [prompt.id for prompt in evals if not find(dress(prompt.text), index)]


def test_the_four_schemas_are_read(own: list[EvalPrompt]) -> None:
    assert [(prompt.id, prompt.instruction) for prompt in own] == [
        ("vicuna_eval/0", "How do glaciers shape a valley?"),
        ("self_instruct_eval/0", "Turn the given notes into a polite letter to the landlord."),
        ("dolly_eval/0", "Who designed the Atomium?"),
        ("dolly_eval/1", "What is a kelpie?"),
        ("bpo_test/0", "why do cats purr"),
    ]
    assert own[1].text.endswith("landlord.\n- heating broken since Monday\n- three calls, no answer")
    assert own[3].text == "What is a kelpie?"


@pytest.mark.parametrize("dress", DRESSES)
def test_no_prompt_survives_in_any_dress(own: list[EvalPrompt], dress: str) -> None:
    assert survivors(own, DRESSES[dress]) == []


@pytest.mark.parametrize("dress", DRESSES)
def test_no_real_prompt_survives_in_any_dress(real: list[EvalPrompt], dress: str) -> None:
    assert len(real) == 732
    assert survivors(real, DRESSES[dress]) == []


def test_a_real_instruction_does_not_survive_without_its_context(real: list[EvalPrompt]) -> None:
    index = make_index(real)
    assert [prompt.id for prompt in real if not find(prompt.instruction.upper(), index)] == []


def test_every_way_of_finding_is_named_with_the_prompt_that_was_found(own: list[EvalPrompt]) -> None:
    index = make_index(own)
    assert find("WHY do cats -- purr?!", index) == ("contaminated:same", "bpo_test/0")
    assert find("Quick: how do glaciers shape a-valley", index) == ("contaminated:contains", "vicuna_eval/0")
    assert find("Tell me why do cats purr at night", index) == ("contaminated:words", "bpo_test/0")
    assert find("Please turn the given notes into a polite letter to my aunt", index) == (
        "contaminated:words", "self_instruct_eval/0",
    )  # fmt: skip
    assert find("Turn the given notes into a polite speech", index) is None, "seven words are not eight"


def test_the_context_of_a_row_is_looked_at_too(own: list[EvalPrompt]) -> None:
    leaked = row("Who drew it?", "The Atomium is in Brussels. André Waterkeyn drew it.")
    clean = row("Who drew it?", "The bridge is in Kyoto. Nobody knows.")
    kept, rejects = decontaminate([leaked, clean], own)
    assert kept == [clean]
    assert [(reject.stage, reject.reason, reject.detail) for reject in rejects] == [
        ("select", "contaminated:words", "dolly_eval/0")
    ]


@pytest.mark.parametrize("context", ["", "What is 2 + 2?"])
def test_an_everyday_instruction_with_another_context_stays(context: str) -> None:
    index = make_index([EvalPrompt("e/0", "Answer the following question.", "How tall is Everest in feet?")])
    assert find(f"Answer the following question: why is the sky blue?\n{context}", index) is None
    assert find("answer the following question", index) == ("contaminated:same", "e/0")


def test_a_prompt_of_two_words_is_not_looked_for_inside_others() -> None:
    index = make_index([EvalPrompt("e/0", "Hello there!"), EvalPrompt("e/1", "???")])
    assert find("hello, THERE", index) == ("contaminated:same", "e/0")
    assert find("Hello there, how do I knit a scarf?", index) is None
    assert find("!!!", index) is None


def test_only_what_a_test_set_holds_is_lost_of_real_prompts(data: Path, real: list[EvalPrompt]) -> None:
    index = make_index(real)
    with gzip.open(data / "preferences" / "hh_rlhf_harmless_base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["chosen"].split("\n\nAssistant:")[0].removeprefix("\n\nHuman:") for line in file]
    assert [found for text in texts if (found := find(text, index))] == []
    trees = (data / "preferences" / "oasst_en_100_tree.jsonl").read_text(encoding="utf-8").splitlines()
    hits = [found for tree in trees if (found := find(json.loads(tree)["prompt"]["text"], index))]
    assert hits == [("contaminated:same", "bpo_test/171")], "BPO-test was drawn from the same pool"


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.json", '["one", {"prompt": "two"}]', ["one", "two"]),
        ("a.jsonl", '{"text": "one"}\n\n{"instruction": "two", "input": "three"}\n', ["one", "two\nthree"]),
        ("a.jsonl", '"line\\u2028break"\n', ["line\u2028break"]),
    ],
)
def test_other_files_are_read(tmp_path: Path, name: str, content: str, texts: list[str]) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert [prompt.text for prompt in read_evals([tmp_path / name])] == texts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", r"a\.json holds no prompts"),
        ("", r"a\.json holds no prompts"),
        ("not json", r"a\.json: neither a JSON list nor JSONL"),
        ('[{"question": "Why?"}]', r"a\.json: a/0 needs text under instruction, prompt, text"),
        ('["fine", {"prompt": "  "}]', r"a\.json: a/1 needs text"),
        ('[{"prompt": 3}]', r"a\.json: a/0 needs text"),
        ("[7]", r"a\.json: a/0 needs text"),
    ],
)
def test_a_test_set_is_not_left_out_in_silence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_evals([tmp_path / "a.json"])
