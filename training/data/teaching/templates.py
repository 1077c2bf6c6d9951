"""What the teacher is asked: our own wording of the paper's critique-then-rewrite prompt, without and with context.

The user's words and the answers are data. They stand in blocks whose marks hold a digest of all of them, so
that no text can close its own block or open another. All that is the same for every row comes first: servers
that keep the state of a common beginning then read it once.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from training.data.types import Preference

BLOCK = "<<<{label} {code}>>>\n{text}\n<<<END {code}>>>"
LABELS = {
    "instruction": "INSTRUCTION",
    "context": "CONTEXT",
    "chosen": "PREFERRED ANSWER",
    "rejected": "LESS PREFERRED ANSWER",
}
"""Field of a preference -> what the teacher sees above it."""
_PLACE = re.compile(rf"\{{({'|'.join(LABELS)})\}}")


@dataclass(frozen=True, slots=True)
class Template:
    """One way of asking."""

    name: str
    system: str
    user: str
    """With places such as {instruction}; any other brace is text."""

    @property
    def sha(self) -> str:
        """SHA-256 of everything that can reach the teacher: all text, the labels and the form of the blocks."""
        parts = {**asdict(self), "block": BLOCK, "labels": LABELS}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def version(self) -> str:
        """Name and digest, as they stand in a pair."""
        return f"{self.name} {self.sha}"

    def messages(self, preference: Preference) -> list[dict[str, str]]:
        """What is sent. The places are filled in one pass, so that braces in a user's text stay text."""
        texts = {field: getattr(preference, field) for field in LABELS}
        code = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
        blocks = {field: BLOCK.format(label=LABELS[field], text=text, code=code) for field, text in texts.items()}
        user = _PLACE.sub(lambda match: blocks[match[1]], self.user)
        return [{"role": "system", "content": self.system}, {"role": "user", "content": user}]


def template_for(preference: Preference) -> Template:
    """The template with a place for the context if there is one."""
    return WITH_CONTEXT if preference.context else WITHOUT_CONTEXT


def _load(name: str) -> Template:
    """A template from the file beside this one: the system's text, a line of `---`, the user's text."""
    text = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
    system, _, user = text.partition("\n---\n")
    return Template(name, system.strip(), user.strip())


WITHOUT_CONTEXT = _load("without_context")
WITH_CONTEXT = _load("with_context")
