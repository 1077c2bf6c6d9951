"""The state of one prompt on its way through the optimizer."""

from dataclasses import dataclass, field

from bpo_model.explain import diff, label_strategies
from bpo_model.messages import Target, put_back
from bpo_model.schema import OptimizedPrompt, Prompt, Reason, Tokens, Violation
from bpo_model.split import Split


@dataclass(slots=True)
class Job:
    """One prompt; `reason` is set as soon as its fate is known."""

    prompt: Prompt
    target: Target
    parts: Split
    started: float
    """`time.perf_counter()` at the start of the call."""
    reason: Reason | None = None
    detail: str = ""
    instruction: str = ""
    """The best verified instruction so far."""
    others: list[str] = field(default_factory=list)
    """Further verified instructions, each different from the best and from the user's."""
    violations: list[Violation] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def open(self) -> bool:
        """Whether the model still has work to do for this prompt."""
        return self.reason is None

    def close(self, reason: Reason, detail: str = "") -> None:
        """Decide the fate of the prompt; the first decision stands."""
        if self.reason is None:
            self.reason, self.detail = reason, detail

    def result(self, model: str, now: float) -> OptimizedPrompt:
        """What the caller gets; the original, the very same object, unless it was rewritten."""
        reason = self.reason or Reason.ERROR
        original = self.target.text or ""
        changed = reason is Reason.REWRITTEN
        text = self.parts.put_back(self.instruction) if changed else original
        edits = diff(original, text)
        return OptimizedPrompt(
            prompt=put_back(self.prompt, self.target, text) if changed else self.prompt,
            text=text,
            original=original,
            changed=changed,
            reason=reason,
            detail=self.detail,
            violations=tuple(self.violations),
            edits=edits,
            strategies=label_strategies(original, text, edits) if changed else (),
            candidates=(text, *map(self.parts.put_back, self.others)) if changed else (),
            model=model,
            tokens=Tokens(self.prompt_tokens, self.completion_tokens),
            latency_ms=(now - self.started) * 1000,
        )
