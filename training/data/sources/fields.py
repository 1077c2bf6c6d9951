"""What the parsers share: texts out of rows that nobody has checked, ids, languages, the last look at a preference."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from training.data.types import Preference, Reject

Row: TypeAlias = Mapping[str, Any]
"""A row as its file has it; nothing is known about its values."""
Item: TypeAlias = Preference | Reject
Turns: TypeAlias = list[tuple[str, str]]
"""Role and content of every message."""

_ABSURD = 1e9
"""Whole numbers of any length are legal in JSON; NaN and infinity are not below this either."""
_NAMES = dict(
    entry.split(":")
    for entry in (
        "arabic:ar bengali:bn bulgarian:bg catalan:ca chinese:zh croatian:hr czech:cs danish:da dutch:nl english:en "
        "estonian:et finnish:fi french:fr galician:gl german:de greek:el hebrew:he hindi:hi hungarian:hu indonesian:id "
        "italian:it japanese:ja korean:ko latin:la latvian:lv lithuanian:lt malay:ms norwegian:no persian:fa polish:pl "
        "portuguese:pt romanian:ro russian:ru serbian:sr slovak:sk slovenian:sl spanish:es swedish:sv thai:th "
        "turkish:tr ukrainian:uk vietnamese:vi unknown:"
    ).split()
)


def text(row: Row, key: str) -> str | None:
    """A field that must be text; None if it is missing, something else, or cannot be written as UTF-8."""
    value = row.get(key)
    return value if isinstance(value, str) and _writable(value) else None


def number(row: Row, key: str) -> float | None:
    """A field that must be a number, such as a rank or a score; None if it is missing, something else, or absurd."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _ABSURD else None


def turns(value: object) -> Turns | None:
    """Messages in OpenAI's form, `[{"role": .., "content": ..}]`; None if it is no such list."""
    if not isinstance(value, list) or not all(isinstance(message, Mapping) for message in value):
        return None
    found = [(text(message, "role"), text(message, "content")) for message in value]
    whole = [(role, content) for role, content in found if role is not None and content is not None]
    return whole if len(whole) == len(found) else None


def language_code(name: str | None) -> str:
    """`en` for English, en and en-US; empty for unknown; a name that is not in our list as it came."""
    plain = (name or "").strip().lower()
    return _NAMES.get(plain, plain.split("-")[0])


def content_id(*parts: str) -> str:
    """16 hex digits of the SHA-256 of some texts: the same in every order of the file, and after additions to it."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def left_out(source: str, source_id: str, reason: str, detail: str = "") -> Reject:
    """A reject of the loading stage."""
    return Reject(f"{source}/{source_id}", source, "load", reason, detail)


def malformed(source: str, row: Row, detail: str) -> Reject:
    """A row that does not have the form of its dataset."""
    try:
        content = json.dumps(row, sort_keys=True, default=str)
    except (TypeError, RecursionError):  # keys of several types, or nested as deep as Python can go
        content = " ".join(sorted(map(str, row)))
    return left_out(source, content_id(content), "malformed", detail)


def prefer(
    source: str,
    source_id: str,
    instruction: str,
    chosen: str,
    rejected: str,
    *,
    licence: str,
    context: str = "",
    language: str = "",
) -> Item:
    """A preference, unless it has no prompt, an answer is empty, or both are the same.

    Blanks around instruction and answers go, since datasets differ in them; the context stays as it is.
    """
    instruction, chosen, rejected = instruction.strip(), chosen.strip(), rejected.strip()
    if not instruction:
        return left_out(source, source_id, "empty_prompt")
    if not chosen or not rejected:
        return left_out(source, source_id, "empty_answer")
    if chosen == rejected:
        return left_out(source, source_id, "identical_answers")
    context = context if context.strip() else ""
    return Preference(
        f"{source}/{source_id}", source, source_id, instruction, context, chosen, rejected, language, licence
    )


def _writable(value: str) -> bool:
    """Half a surrogate pair is legal in JSON and in no file."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
