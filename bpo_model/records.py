"""Results as plain data, for JSON output and JSONL files."""

from typing import Any

from bpo_model.schema import OptimizedPrompt


def to_record(result: OptimizedPrompt) -> dict[str, Any]:
    """Everything about a result in JSON-ready values; spans are [start, end) in characters."""
    return {
        "text": result.text,
        **({"messages": result.messages} if result.messages is not None else {}),
        "original": result.original,
        "changed": result.changed,
        "reason": result.reason.value,
        "detail": result.detail,
        "violations": [
            {"check": violation.check, "detail": violation.detail, "candidate": violation.candidate}
            for violation in result.violations
        ],
        "edits": [
            {"before": edit.before, "after": edit.after, "span_before": edit.span_before, "span_after": edit.span_after}
            for edit in result.edits
        ],
        "strategies": [
            {"strategy": label.strategy.value, "text": label.text, "span": label.span} for label in result.strategies
        ],
        "model": result.model,
        "tokens": {"prompt": result.tokens.prompt, "completion": result.tokens.completion},
        "latency_ms": round(result.latency_ms, 1),
    }
