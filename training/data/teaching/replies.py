"""What a teacher's answer says: critique and optimized instruction, or the name of what is wrong with it.

The text is read as JSON and nothing else, ever: what looks like code in it is text.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATUSES = {
    "ok": "critique and optimized instruction are there",
    "unreadable": "not exactly one JSON object with the two texts",
    "empty": "nothing was written, or one of the two texts is blank",
    "cut": "the answer ran into max_tokens",
    "refused": "the model or the provider declined because of the content",
}
"""Status of an answer -> what it means. Such an answer is final: asking again would cost again."""
FIELDS = ("critique", "optimized_instruction")
RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "optimized_prompt",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in FIELDS},
            "required": list(FIELDS),
            "additionalProperties": False,
        },
    },
}
"""Asks for an object with both texts, in this order, as all big providers and local servers understand it."""
CONTENT_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})
"""Codes of errors that judge the content, which will be judged the same next time."""
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read."""

    status: str
    """One of `STATUSES`."""
    critique: str = ""
    optimized_instruction: str = ""
    detail: str = ""
    """What was found instead, for people."""
    model: str = ""
    """Who answered, by the server's own word."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an LLM that was asked for nothing but an answer."""

    status: str
    """One of `STATUSES`."""
    text: str = ""
    """Without the white space around it, and without thoughts before it; empty unless the status is ok."""
    detail: str = ""
    """What was found instead, for people."""
    model: str = ""
    """Who answered, by the server's own word."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def is_final(status_code: int, body: Any) -> bool:
    """Whether a response may be kept: an answer of any kind, or an error that judges the content."""
    if not isinstance(body, Mapping):
        return False
    if status_code == 200:
        return _choice(body) is not None
    return _content_error(body) is not None


def read_reply(body: Mapping[str, Any]) -> Reply:
    """Read the body of a final response."""
    choice = _choice(body)
    if choice is None:
        return Reply("refused", detail=_shown(str(_content_error(body))))
    status, texts, detail = _judge(choice)
    usage = body.get("usage") or {}
    model = _writable(str(body.get("model") or ""))
    return Reply(status, *texts, detail, model, _count(usage, "prompt"), _count(usage, "completion"))


def read_answer(body: Mapping[str, Any]) -> Answer:
    """Read the body of a final response as plain text."""
    choice = _choice(body)
    if choice is None:
        return Answer("refused", detail=_shown(str(_content_error(body))))
    status, content, detail = _content(choice)
    text = _THOUGHTS.sub("", content, count=1) if _THOUGHTS.match(content) else content
    text = text.strip()
    if status == "ok" and text != _writable(text):
        status, detail = "unreadable", "half a character (a lone surrogate)"
    elif status == "ok" and not text:
        status, detail = "empty", "no text"
    usage = body.get("usage") or {}
    model = _writable(str(body.get("model") or ""))
    counts = _count(usage, "prompt"), _count(usage, "completion")
    return Answer(status, text if status == "ok" else "", detail, model, *counts)


def parse(text: str) -> tuple[str, tuple[str, str], str]:
    """(status, (critique, optimized instruction), detail) of what a model wrote.

    Words, a code fence or thoughts around the object are passed over as long as there is one object only. The two
    texts lose the white space around them and are otherwise as they were written.
    """
    if not text.strip():
        return "empty", ("", ""), "no text"
    objects = _objects(_THOUGHTS.sub("", text, count=1) if _THOUGHTS.match(text) else text)
    if len(objects) != 1:
        return "unreadable", ("", ""), f"{len(objects)} JSON objects in {_shown(text)}"
    return _texts(objects[0])


def _judge(choice: Mapping[str, Any]) -> tuple[str, tuple[str, str], str]:
    """Like `parse`, for a choice."""
    status, content, detail = _content(choice)
    return parse(content) if status == "ok" else (status, ("", ""), detail)


def _content(choice: Mapping[str, Any]) -> tuple[str, str, str]:
    """(status, text, detail) of a choice: how the model stopped comes before what it wrote."""
    message, stopped = choice["message"], choice.get("finish_reason")
    if message.get("refusal") or stopped == "content_filter":
        return "refused", "", _shown(str(message.get("refusal") or "stopped by a content filter"))
    content = message.get("content") or ""
    if not isinstance(content, str):
        return "unreadable", "", f"content is a {type(content).__name__}"
    if stopped == "length":
        return "cut", "", _shown(content)
    return "ok", content, ""


def _texts(found: Mapping[str, Any]) -> tuple[str, tuple[str, str], str]:
    """The two texts of an object."""
    wrong = [name for name in FIELDS if not isinstance(found.get(name), str)]
    if wrong:
        return "unreadable", ("", ""), f"no text under {', '.join(wrong)}"
    critique, optimized = (found[name].strip() for name in FIELDS)
    if critique + optimized != _writable(critique + optimized):
        return "unreadable", ("", ""), "half a character (a lone surrogate)"
    blank = [name for name, text in zip(FIELDS, (critique, optimized), strict=True) if not text]
    if blank:
        return "empty", ("", ""), f"blank {', '.join(blank)}"
    return "ok", (critique, optimized), ""


def _objects(text: str) -> list[dict[str, Any]]:
    """All JSON objects of a text that lie in no other."""
    decoder = json.JSONDecoder(object_pairs_hook=_no_doubles)
    found, start = [], text.find("{")
    while start >= 0:
        try:
            one, end = decoder.raw_decode(text, start)
        except RecursionError:  # thousands of open braces: nothing to look for between them
            return []
        except ValueError:  # some other brace
            end = start + 1
        else:
            found.append(one)
        start = text.find("{", end)
    return found


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names come once: of two texts under one name nobody knows which was meant."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _choice(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first choice, if the body is that of a chat completion."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) and isinstance(first.get("message"), Mapping) else None


def _content_error(body: Mapping[str, Any]) -> str | None:
    """What an error says that judges the content; None for every other."""
    error = body.get("error")
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), str):
        return None
    return f"{error['code']}: {error.get('message')}" if error["code"] in CONTENT_CODES else None


def _count(usage: Any, kind: str) -> int | None:
    """Tokens of a kind, if the server counted them."""
    count = usage.get(f"{kind}_tokens") if isinstance(usage, Mapping) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _writable(text: str) -> str:
    """The text with half characters, which no file takes, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shown(text: str) -> str:
    """The beginning of a text on one line, safe to write anywhere."""
    return repr(_writable(text[:_SHOWN]))
