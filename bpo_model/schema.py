"""The public data types: what goes in, what comes out, and every reason for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

Message: TypeAlias = Mapping[str, Any]
"""A chat message: `role`, and `content` as text or as a list of content parts."""
Prompt: TypeAlias = str | Sequence[Message]
"""Text, or a conversation whose newest user turn is the prompt."""
Rewrite: TypeAlias = Literal["auto", "always", "never"]
"""Ask the gate, skip the gate, or hand everything back as it came."""
OnError: TypeAlias = Literal["passthrough", "raise"]
"""What a failing model does to the caller: nothing (the original goes out), or an exception."""


class Reason(StrEnum):
    """Why the text is what it is; exactly one a prompt."""

    REWRITTEN = "rewritten"
    """A candidate passed every check of the contract."""
    UNCHANGED = "unchanged"
    """The model wrote the prompt down as it was."""
    REJECTED = "rejected"
    """No candidate passed the contract; `violations` says why."""
    SWITCHED_OFF = "switched_off"
    """The call said rewrite="never"."""
    BLANK = "blank"
    """Nothing but white space."""
    NO_USER_TEXT = "no_user_text"
    """No user turn at the end, or one without text (images only), or with several texts."""
    ALREADY_OPTIMIZED = "already_optimized"
    """This optimizer wrote the text itself."""
    TOO_LONG = "too_long"
    """The instruction is longer than the checkpoint's budget; it is never cut."""
    UNSUPPORTED_CHARACTERS = "unsupported_characters"
    """NUL, lone surrogates or invisible control characters."""
    LANGUAGE = "language"
    """Written in a language that the checkpoint was not trained on."""
    NOT_A_REQUEST = "not_a_request"
    """Pure code, data, a command or a link: there is no instruction to improve."""
    SMALL_TALK = "small_talk"
    """A greeting, thanks or another turn that asks for nothing."""
    FOLLOW_UP = "follow_up"
    """Makes sense only together with earlier turns, such as "make it shorter"."""
    UNCLEAR_INSTRUCTION = "unclear_instruction"
    """Several lines, and none of them is recognizably the request."""
    ALREADY_SPECIFIC = "already_specific"
    """Says what it wants in detail; rewriting such prompts does not help."""
    MULTIPLE_CHOICE = "multiple_choice"
    """Rewriting is known to hurt here."""
    MATH_PROBLEM = "math_problem"
    """Rewriting is known to hurt here."""
    DEADLINE = "deadline"
    """The time ran out before a verified rewrite was there."""
    ERROR = "error"
    """The model failed; `detail` says how."""


class Strategy(StrEnum):
    """The paper's four ways of improving a prompt (section 4.6)."""

    EXPLANATION = "explanation generation"
    ELABORATION = "prompt elaboration"
    HINTS = "providing hints"
    SAFETY = "safety enhancement"


@dataclass(frozen=True, slots=True)
class Violation:
    """A check of the contract that a candidate failed."""

    check: str
    """Name of the check, such as `numbers_kept`."""
    detail: str
    """What was lost, invented or wrong."""
    candidate: str = ""
    """The rejected rewrite, for `bpo optimize --explain`."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One changed stretch of text; spans are character offsets, end exclusive."""

    before: str
    after: str
    span_before: tuple[int, int]
    span_after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LabelledStrategy:
    """A strategy and the words in the optimized prompt that earned it."""

    strategy: Strategy
    text: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the optimizer model read and wrote for one prompt, all candidates together."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizedPrompt:
    """A prompt ready to be sent, and everything about how it came to be.

    `str(result)` is the text, so that it can stand wherever a prompt stood.
    """

    prompt: Prompt
    """What to send: same type and shape as the input; the very input if unchanged."""
    text: str
    """The text of the newest user turn, optimized or original."""
    original: str
    """The same text before."""
    changed: bool
    reason: Reason
    detail: str = ""
    """More about the reason, for people."""
    violations: tuple[Violation, ...] = ()
    edits: tuple[Edit, ...] = ()
    strategies: tuple[LabelledStrategy, ...] = ()
    candidates: tuple[str, ...] = ()
    """All verified rewrites, the chosen one first; several only where the mode draws several."""
    model: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    latency_ms: float = 0.0

    @property
    def messages(self) -> list[Message] | None:
        """The conversation to send, or None if a string came in."""
        return None if isinstance(self.prompt, str) else list(self.prompt)

    def __str__(self) -> str:
        """The text to send."""
        return self.text

    def __repr__(self) -> str:
        """One line: what happened, how long it took, the text."""
        state = "changed" if self.changed else "unchanged"
        return f"<OptimizedPrompt {state}, {self.reason.value}, {self.latency_ms:.0f} ms: {self.text!r}>"

    def explain(self) -> str:
        """Several lines for people: outcome, strategies, failed checks, cost."""
        lines = [f"{self.reason.value}{': ' + self.detail if self.detail else ''}"]
        lines += [f"+ {label.strategy.value}: {label.text.strip()!r}" for label in self.strategies]
        lines += [f"- {violation.check}: {violation.detail}" for violation in self.violations]
        lines.append(f"{self.latency_ms:.0f} ms, {self.tokens.completion} tokens written by {self.model or 'no model'}")
        return "\n".join(lines)


@runtime_checkable
class SupportsOptimize(Protocol):
    """What adapters need; `PromptOptimizer` and `FakeOptimizer` have it."""

    def optimize(self, prompt: Prompt) -> OptimizedPrompt:
        """Rewrite one prompt."""
        ...

    def optimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        """Rewrite many prompts; results in the order of the prompts."""
        ...

    async def aoptimize(self, prompt: Prompt) -> OptimizedPrompt:
        """Rewrite one prompt without blocking the event loop."""
        ...

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        """Rewrite many prompts without blocking the event loop."""
        ...
