"""Results for people: a colored diff, the strategies, the checks that fired."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bpo_model.schema import OptimizedPrompt, Reason, Strategy

COLORS = {
    Strategy.EXPLANATION: "cyan",
    Strategy.ELABORATION: "green",
    Strategy.HINTS: "magenta",
    Strategy.SAFETY: "yellow",
}
ADVICE = {
    Reason.LANGUAGE: "this model was trained on English prompts",
    Reason.FOLLOW_UP: "it refers to earlier turns; pass them along with --messages",
    Reason.ALREADY_SPECIFIC: "it already says what it wants; --rewrite always tries anyway",
    Reason.MULTIPLE_CHOICE: "rewriting is known to hurt here; --rewrite always tries anyway",
    Reason.MATH_PROBLEM: "rewriting is known to hurt here; --rewrite always tries anyway",
    Reason.NOT_A_REQUEST: "there is no instruction in it to improve",
    Reason.TOO_LONG: "the instruction is over the model's budget, and is never cut",
}


def show(result: OptimizedPrompt, console: Console) -> None:
    """Print the diff, then why, then what was rejected and what it cost."""
    console.print(diff_text(result, colored=console.is_terminal and not console.no_color), soft_wrap=True)
    console.print()
    console.print(headline(result), soft_wrap=True)
    for label in result.strategies:
        line = Text(f"  {label.strategy.value}: ", style=COLORS[label.strategy])
        console.print(line.append(label.text.strip(), style="default"), soft_wrap=True)
    if result.violations:
        console.print(_violations(result))


def diff_text(result: OptimizedPrompt, *, colored: bool = True) -> Text:
    """Insertions in green and deletions struck through in red; without colors as {+new+} and [-old-]."""
    before, after = ("{}", "{}") if colored else ("[-{}-]", "{{+{}+}}")
    text, at = Text(), 0
    for edit in result.edits:
        text.append(result.text[at : edit.span_after[0]])
        if edit.before:
            text.append(before.format(edit.before), style="red strike")
        if edit.after:
            text.append(after.format(edit.after), style="bold green")
        at = edit.span_after[1]
    return text.append(result.text[at:])


def headline(result: OptimizedPrompt) -> Text:
    """Reason and cost in one line."""
    state = Text("rewritten and verified" if result.changed else "left as it was", style="bold")
    if not result.changed:
        why = result.detail or ADVICE.get(result.reason, "")
        state.append(f": {result.reason.value}{f' ({why})' if why else ''}")
    return state.append(
        f"  [{result.latency_ms:.0f} ms, {result.tokens.completion} tokens, {result.model}]", style="dim"
    )


def _violations(result: OptimizedPrompt) -> Table:
    """The rejected candidates and the check that each failed."""
    table = Table("check", "what was wrong", "rejected candidate", title="rejected candidates", title_justify="left")
    for violation in result.violations:
        table.add_row(violation.check, Text(violation.detail), Text(violation.candidate))
    return table
