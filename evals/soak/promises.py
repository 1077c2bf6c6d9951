"""What every single result has to hold, whatever the load."""

from bpo_model.contract import verify
from bpo_model.messages import find_target
from bpo_model.schema import OptimizedPrompt, Prompt, Reason
from bpo_model.split import split

LATE_S = 5.0
"""So long after its deadline a result may come on a busy machine; a call that waits for the model takes longer."""


def broken(prompt: Prompt, result: OptimizedPrompt, deadline_ms: float | None = None) -> list[str]:
    """The promises that a result does not keep."""
    found = []
    if result.changed != (result.reason is Reason.REWRITTEN):
        found.append(f"changed is {result.changed} with reason {result.reason.value}")
    found += _rewrite(prompt, result) if result.changed else _original(prompt, result)
    if deadline_ms is not None and result.latency_ms > deadline_ms + 1000 * LATE_S:
        found.append(f"{result.latency_ms:.0f} ms with a deadline of {deadline_ms:g} ms")
    if deadline_ms is None and result.reason is Reason.DEADLINE:
        found.append("a deadline that nobody set")
    return found


def sent_text(prompt: str, sent: str) -> list[str]:
    """The same for what an adapter sent on, of which only the text is known."""
    parts = split(prompt)
    end = len(sent) - len(parts.after)
    if sent == prompt:
        return []
    if not (sent.startswith(parts.before) and sent.endswith(parts.after) and end > len(parts.before)):
        return ["the context is not there byte for byte"]
    violations = verify(parts.instruction, sent[len(parts.before) : end], after=parts.after)
    return [f"sent although {violation.check} fails" for violation in violations]


def _original(prompt: Prompt, result: OptimizedPrompt) -> list[str]:
    """The very object goes out, and nothing claims that it was edited."""
    found = ["the original is another object"] * (result.prompt is not prompt)
    found += ["the text is not the original"] * (result.text != result.original)
    return found + ["an original with edits"] * bool(result.edits or result.candidates)


def _rewrite(prompt: Prompt, result: OptimizedPrompt) -> list[str]:
    """The contract holds for what goes out, and only the newest turn is another one."""
    found = sent_text(result.original, result.text)
    found += ["a rewrite that changes nothing"] * (result.text == result.original)
    found += ["the prompt does not hold the text"] * (find_target(result.prompt).text != result.text)
    found += ["the original is not the prompt's"] * (find_target(prompt).text != result.original)
    if not isinstance(prompt, str):
        found += ["an older message changed"] * (list(prompt)[:-1] != list(result.prompt)[:-1])
    return found
