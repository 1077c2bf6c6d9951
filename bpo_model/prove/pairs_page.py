"""One pair of the report: the diff of the prompts, both answers, both verdicts with the judge's reasons."""

from html import escape

from bpo_model.compare.store import Record
from bpo_model.explain import diff
from bpo_model.prove.pairs import Pair

WINNERS = {"a": "the rewrite's answer is better", "b": "the original's answer is better", "tie": "neither is better"}
FIRST = {"ab": "rewrite's answer shown first", "ba": "original's answer shown first"}


def pair_html(pair: Pair) -> str:
    """A folded block; every text in it is escaped."""
    kind, title = pair.kind, pair.rewrite["original"] or pair.case.question
    marks = f"line {pair.case.line}" + (", flipped with the order" if pair.flipped else "")
    return (
        f'<details class="pair" data-outcome="{kind}"><summary><span class="outcome {kind}">{kind}</span>'
        f'<span class="text" dir="auto">{escape(" ".join(title.split())[:300])}</span></summary>'
        f'<div class="body">{_prompts(pair, marks)}{_answers(pair)}{_verdicts(pair)}</div></details>'
    )


def _prompts(pair: Pair, marks: str) -> str:
    """The diff; a conversation is shown whole where it is more than its newest turn."""
    rewrite = pair.rewrite
    whole = "" if pair.case.question == rewrite["original"] else _box("conversation", escape(pair.case.question), True)
    if not rewrite["changed"]:
        why = escape(rewrite.get("error") or rewrite["reason"])
        return whole + _box(f"prompt, left as it was: {why} ({marks})", escape(rewrite["original"] or ""), True)
    return whole + _box(f"original and rewrite ({marks})", _diff(rewrite["original"], rewrite["text"]), True)


def _diff(original: str, text: str) -> str:
    """The rewrite with what was inserted, and what was deleted."""
    pieces, at = [], 0
    for edit in diff(original, text):
        pieces.append(escape(text[at : edit.span_after[0]]))
        pieces.append(f"<del>{escape(edit.before)}</del>" if edit.before else "")
        pieces.append(f"<ins>{escape(edit.after)}</ins>" if edit.after else "")
        at = edit.span_after[1]
    return "".join([*pieces, escape(text[at:])])


def _answers(pair: Pair) -> str:
    names = ("answer to the rewrite", "answer to the original")
    return "".join(
        _box(name + _size(answer), escape(str(answer.get("text", answer.get("error", "")))))
        for name, answer in zip(names, pair.answers or (), strict=False)
    )


def _size(answer: Record) -> str:
    """How long it is, and whether it was cut."""
    if answer["status"] == "error":
        return ": failed"
    cut = ", cut at max_tokens" if answer.get("finish_reason") == "length" else ""
    return f" ({len(answer['text']):,} characters{cut})"


def _verdicts(pair: Pair) -> str:
    if pair.answers and not pair.verdicts and pair.kind == "tied":
        return '<p class="wide soft">Both answers are equal: a tie, without asking the judge.</p>'
    return "".join(_verdict(order, record) for order, record in pair.verdicts.items())


def _verdict(order: str, record: Record) -> str:
    """What the judge wrote, reminders included."""
    said = "\n\n(reminded of the form)\n\n".join(str(reply["text"]) for reply in record.get("replies", []))
    winner = WINNERS.get(record.get("winner") or "", f"no verdict ({record.get('how') or record['status']})")
    return _box(f"judge, {FIRST[order]}: {escape(winner)}", escape(said or str(record.get("error", ""))))


def _box(title: str, text: str, wide: bool = False) -> str:
    """A titled text; both are HTML already."""
    return f'<div{" class=wide" if wide else ""}><h3>{title}</h3><pre class="text" dir="auto">{text}</pre></div>'
