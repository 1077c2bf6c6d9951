"""The wire format of a checkpoint: fixed text around the user's instruction."""

from dataclasses import dataclass

PLACEHOLDER = "{prompt}"
"""Marks the place of the instruction in a checkpoint's template."""


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """One request to an engine.

    The parts stay apart because an engine must read special tokens in `before` and
    `after`, and must read `text` and `reply` as plain text whatever the user typed in it.
    """

    before: str
    text: str
    after: str
    reply: str = ""
    """How the reply starts (prefill): the engine lets the model go on from there, and returns it with what follows."""

    def __str__(self) -> str:
        """The whole request as one string, for engines that take nothing else; without the start of the reply."""
        return self.before + self.text + self.after


@dataclass(frozen=True, slots=True)
class Template:
    """Text with one `{prompt}`; braces elsewhere are literal, nothing else is interpreted."""

    text: str

    def __post_init__(self) -> None:
        """Refuse a template that would lose or repeat the prompt."""
        if not isinstance(self.text, str):
            raise ValueError(f"a template must be text, got {type(self.text).__name__}")
        if self.text.count(PLACEHOLDER) != 1:
            raise ValueError(
                f"a template must hold {PLACEHOLDER!r} exactly once, "
                f"got it {self.text.count(PLACEHOLDER)} times in {self.text!r}"
            )

    def render(self, instruction: str, reply: str = "") -> RenderedPrompt:
        """Put the instruction in place by position: a `{prompt}` inside it stays text."""
        before, _, after = self.text.partition(PLACEHOLDER)
        return RenderedPrompt(before, instruction, after, reply)
