"""GPT-4-LLM: answers of GPT-4 and text-davinci-003 to Alpaca's instructions, scored by GPT-4.

A row of comparison_data_v2.json: {"user_input": text, "responses_and_scores": [{"response", "source" (gpt4,
text-davinci-003, icm-1.3b), "score"}]}. Kept: GPT-4's answer scored higher than text-davinci-003's, as in the paper.

`user_input` is instruction and context in one. Where the file has it in Alpaca's template ("### Instruction:",
"### Input:"), its two parts are taken from there. Otherwise the rows of alpaca_gpt4_data.json, {"instruction",
"input", "output"}, tell them apart: give the folder that holds both files. Blanks do not count in the comparison. With
that file, an input that is not in it is left out, since its context is unknown; without it, all is instruction.

Licence: CC-BY-NC-4.0 (https://github.com/Instruction-Tuning-with-GPT-4/GPT-4-LLM, folder data; not on the hub). The
answers fall under OpenAI's terms. Neither file was at hand here; the schema is that of three public users of it.

Reasons: malformed, answer_missing, davinci_not_worse, not_in_instructions, ambiguous_context, empty_prompt,
empty_answer, identical_answers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from training.data.sources.fields import Item, Row, content_id, left_out, malformed, number, prefer, text

NAME = "alpaca"
LICENCE = "CC-BY-NC-4.0"
GOOD, BAD = "gpt4", "text-davinci-003"

_Parts: TypeAlias = tuple[str, str]
"""Instruction and context."""
_TEMPLATE = re.compile(
    r"\s*Below is an instruction that describes a task\b.*?### Instruction:\n(.*?)"
    r"(?:\n\n### Input:\n(.*?))?(?:\n\n### Response:\s*)?",
    re.DOTALL,
)
_NO_CONTEXT = {"<noinput>", "<no input>", "no input"}


def parse(rows: Iterable[Row]) -> Iterator[Item]:
    """One preference or reject for each row with answers; all are read before the first comes out."""
    compared, known = [], dict[str, set[_Parts]]()
    for row in rows:
        if "user_input" in row:
            compared.append(row)
        elif (instruction := text(row, "instruction")) is not None and (context := text(row, "input")) is not None:
            known.setdefault(_squeezed(f"{instruction} {context}"), set()).add((instruction, context))
        else:
            yield malformed(NAME, row, "neither a comparison nor an instruction")
    for row in compared:
        yield _item(row, known)


def _item(row: Row, known: Mapping[str, set[_Parts]]) -> Item:
    prompt, answers = text(row, "user_input"), _answers(row.get("responses_and_scores"))
    if prompt is None or answers is None:
        return malformed(NAME, row, "needs user_input and responses_and_scores, with one answer of a model")
    row_id = content_id(prompt, *(answers[name][1] for name in (GOOD, BAD) if name in answers))
    if GOOD not in answers or BAD not in answers:
        return left_out(NAME, row_id, "answer_missing", f"there are {', '.join(sorted(answers)) or 'none'}")
    (good_score, good), (bad_score, bad) = answers[GOOD], answers[BAD]
    if good_score <= bad_score:
        return left_out(NAME, row_id, "davinci_not_worse", f"{good_score:g} against {bad_score:g}")
    found = _parts(prompt, known)
    if len(found) != 1:
        return left_out(NAME, row_id, "ambiguous_context" if found else "not_in_instructions")
    instruction, context = found.pop()
    context = "" if context.strip().casefold() in _NO_CONTEXT else context
    return prefer(NAME, row_id, instruction, good, bad, licence=LICENCE, context=context, language="en")


def _answers(value: object) -> dict[str, tuple[float, str]] | None:
    """Score and text by model; None if something is missing or a model is there twice."""
    found: dict[str, tuple[float, str]] = {}
    if not isinstance(value, list) or not all(isinstance(answer, Mapping) for answer in value):
        return None
    for answer in value:
        model, words, score = text(answer, "source"), text(answer, "response"), number(answer, "score")
        if model is None or words is None or score is None or model in found:
            return None
        found[model] = (score, words)
    return found


def _parts(prompt: str, known: Mapping[str, set[_Parts]]) -> set[_Parts]:
    """All ways in which the prompt may have been made of instruction and context."""
    if rendered := _TEMPLATE.fullmatch(prompt):
        return {(rendered[1], rendered[2] or "")}
    return set(known.get(_squeezed(prompt), ())) if known else {(prompt, "")}


def _squeezed(words: str) -> str:
    """With single blanks: what stood between instruction and context is not known."""
    return " ".join(words.split())
