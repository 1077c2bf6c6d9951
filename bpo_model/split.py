"""Split a prompt into its instruction and the context that must not be touched.

Only the instruction is shown to the optimizer; the context (a pasted e-mail, code, a
table, the options of a quiz) is put back byte for byte. Nothing is parsed twice:
`before + instruction + after` is the prompt, whatever the rules decide.
"""

import re
from dataclasses import dataclass

from bpo_model.request import IMPERATIVES, asks, words

MAX_INLINE_HEAD_WORDS = 25
"""A colon further into the line than this is punctuation, not the start of the data."""

MIN_PROSE_WORDS = 2
"""One word above data ("given") is no instruction."""

MIN_ROW_COMMAS = 3
"""A line with so many commas may be a row of values ..."""
MAX_CELL_WORDS = 5
"""... if no more words than this stand before the first."""

TEXT_OPERATIONS = frozenset(
    """
    analyse analyze answer categorise categorize change classify clean complete condense continue
    convert correct debug describe detect edit evaluate expand explain extract find finish fix
    identify improve interpret label make paraphrase parse polish proofread rate rearrange rephrase
    reply respond restate reverse review revise reword rewrite score shorten simplify solve sort
    summarise summarize tag transform translate turn
    """.split()
)
"""Verbs whose object is usually pasted after a colon on the same line."""

_POINTS_TO_CONTEXT = re.compile(r":\s*$|\b(?:following|below|given|attached|pasted)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"^[ \t]*(?:user |my |the )?(?:question|query|task|instruction|request)[ \t]*:[ \t]*(?=\S)", re.I | re.M
)
_ANSWERED = re.compile(r"\n[ \t]*(?:answer|reply|response|output)[ \t]*:[ \t]*\S", re.IGNORECASE)
_SPEAKER = re.compile(r"[ \t]*[A-Z][\w ]{0,20}:")
_SPOKEN = re.compile(r"[ \t]*(\[?(?:T[+-])?\d{1,2}[:.]\d{2}\S{0,12}[ \t]+)?([A-Z]\w{0,15})(?: [A-Z]\w{0,15})?:\s")
"""A line of a chat or a transcript: `10:02 Noor: ...`, `HR: ...`."""
_PERSONA = re.compile(
    r"^\s*(?:you are|you're|act as|imagine you|pretend (?:to be|you)|your role)\b[^?]*$", re.IGNORECASE
)
_LIST_ITEM = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s")
_SALUTATION = re.compile(
    r"^\s*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b[\w .'’-]{0,40}[,!]?\s*$", re.IGNORECASE
)
_QUESTION_LABEL = re.compile(
    r"^\s*(?:Name|Address|Order|Date|Report|Contact|Place|State|Title|Record|Note):\s|^\s*[QA]\d{0,2}[.:)]?\s+[A-Z]|^\s{2,}[A-Z]\w{2,20}:\s"
)
_SEMICOLONS = re.compile(r"\s*[^\s;]{1,80}(?:;[^;\n]{0,200}){2,50}\s*")
_CELL = r"[^\s|]+(?: [^\s|]+){0,3}"
_CELLS = re.compile(rf"\s*{_CELL}(?: \|(?: {_CELL})?)+\s*")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)")
_INLINE = re.compile(r"^([^:\n\"“`{}\[\]<>]{3,240}?:)[ \t]+(\S.*)$", re.DOTALL)
_CODE = re.compile(
    r"^\s{4,}\S|[{};]\s*$|^\s*(?:at|File|import|from|def|class|function|const|let|var|return|SELECT|CREATE|ALTER|EXPLAIN|GET|POST)\s|^\s*\[?\d{1,4}[:/-]\d{1,2}[:/-]|\b(?:INFO|WARN|ERROR|DEBUG)\b|ERR!|\w\(['\"]"
    r"|\w\([^)\n]{0,80}\)|\s=\s|\t|\b\w{1,30}=\S{1,80}\s+\w{1,30}="
)
_DATA = re.compile(
    _CODE.pattern
    + r"|^\s*[-*•●|<{\[#>$]|^\s*[A-Z][\w ]{0,24}:\s|^\s*\(?(?:[A-Ha-h]|[ivx]{1,4}|\d{1,2})[.):]\s|ERR|[Ee]rror:"
)


@dataclass(frozen=True, slots=True)
class Split:
    """A prompt in three parts; joined in order they are the prompt, byte for byte."""

    before: str
    """Context and white space ahead of the instruction."""
    instruction: str
    """What the optimizer may rewrite; never starts or ends with white space."""
    after: str
    """Context and white space behind the instruction."""
    clear: bool = True
    """False when several lines hold no recognizable request: the gate then stops."""

    def put_back(self, instruction: str) -> str:
        """The prompt with another instruction between the same context."""
        return self.before + instruction + self.after

    @property
    def context(self) -> str:
        """All that is not shown to the optimizer."""
        return self.before + self.after


def split(text: str) -> Split:
    r"""Find the instruction of a prompt.

    >>> split("Summarize this e-mail.\n\nHi Jo,\nthe pump broke.").instruction
    'Summarize this e-mail.'
    >>> split("Translate into French: Good morning").after
    ' Good morning'
    """
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if start >= end:
        return Split(text, "", "")
    body = text[start:end]
    left, right, clear = _instruction_span(body)
    while left < right and body[left].isspace():
        left += 1
    while right > left and body[right - 1].isspace():
        right -= 1
    return Split(text[:start] + body[:left], body[left:right], body[right:] + text[end:], clear)


def _instruction_span(body: str) -> tuple[int, int, bool]:
    """(start, end, clear) of the instruction within a prompt without outer white space."""
    labels = list(_LABEL.finditer(body))
    if len(labels) == 1 and "\n" in body:
        end = _line_end(body, labels[0].end())
        if labels[0].start() and _ANSWERED.match(body, end):
            return _from_lines(body)  # both are there to be judged
        return labels[0].end(), end, True
    if "\n" not in body:
        return 0, _inline_head(body), True
    if len(labels) > 1 or _is_transcript(body):
        return 0, len(body), False  # few-shot examples and dialogues: no line is *the* instruction
    return _from_lines(body)


def _is_transcript(body: str) -> bool:
    """Whether the first and the last line carry labels, and the first label comes again."""
    lines = [line for line in body.splitlines() if line.strip()]
    first, last = _SPEAKER.match(lines[0]), _SPEAKER.match(lines[-1])
    return bool(first and last and sum(line.startswith(first[0]) for line in lines) > 1)


def _inline_head(line: str) -> int:
    """End of the instruction in 'Translate into French: Good morning'; the whole line otherwise."""
    match = _INLINE.match(line)
    if not match:
        return len(line)
    head = words(match[1])
    operates = any(word in TEXT_OPERATIONS for word in head)
    if operates and len(head) <= MAX_INLINE_HEAD_WORDS and asks(match[1]):
        return match.end(1)
    return len(line)


def _from_lines(body: str) -> tuple[int, int, bool]:
    """Leading lines that ask; else trailing lines that ask; else prose above data."""
    lines = body.splitlines(keepends=True)
    fenced = _fenced(lines)
    lead = 0 if _SALUTATION.match(lines[0]) else _lead_length(lines, fenced)
    if lead:
        return 0, len("".join(lines[:lead])), True
    tail = _tail_length(lines, fenced)
    if tail:
        return len("".join(lines[:-tail])), len(body), True
    prose = _prose_above_data(lines, fenced)
    return (0, len("".join(lines[:prose])), True) if prose else (0, len(body), False)


def _lead_length(lines: list[str], fenced: list[bool]) -> int:
    """How many lines from the top form the request; they belong to one paragraph.

    A line that works on text ("translate this", "explain:") ends the request: what follows
    is its data, even if that asks something too.
    """
    count, one_paragraph, only_persona = 0, all(line.strip() for line in lines), True
    for line, in_fence in zip(lines, fenced, strict=True):
        if not line.strip() and count and only_persona:
            count += 1  # a persona is no request by itself
            continue
        if in_fence or not line.strip() or not _is_request(line) or (count and _is_data(line)):
            break
        count, only_persona = count + 1, only_persona and bool(_PERSONA.match(line))
        if _POINTS_TO_CONTEXT.search(line) or (one_paragraph and TEXT_OPERATIONS.intersection(words(line))):
            break
    return count


def _tail_length(lines: list[str], fenced: list[bool]) -> int:
    """How many lines at the bottom form the request; they belong to one paragraph."""
    count = 0
    for line, in_fence in zip(reversed(lines), reversed(fenced), strict=True):
        if in_fence or not line.strip() or not _is_request(line):
            break
        count += 1
    return count if count < len(lines) else 0


def _prose_above_data(lines: list[str], fenced: list[bool]) -> int:
    """How many lines of plain text stand above the first line of code, log or list; 0 if none do."""
    first = next((i for i, line in enumerate(lines) if fenced[i] or _is_data(line)), 0)
    blank = next((i for i, line in enumerate(lines) if not line.strip()), first)
    prose = min(first, blank)
    sentences = sum(line.rstrip().endswith((".", ",", "!")) for line in lines[prose:first])
    letter = sentences > 1  # what stands above its paragraphs is a heading, which asks nothing
    return prose if not letter and len(words("".join(lines[:prose]))) >= MIN_PROSE_WORDS else 0


def _is_request(line: str) -> bool:
    """Whether a line asks for something and is not a line of code or a table row."""
    if _LIST_ITEM.match(line) or _QUESTION_LABEL.match(line) or _is_spoken(line):
        return False
    return asks(line) and ("?" in line or not (_CODE.search(line) or _is_table_row(line)))


def _is_spoken(line: str) -> bool:
    """Whether a line is quoted as in a mail, or stands behind its speaker's name, no verb ("Summarize: ...")."""
    spoken = _SPOKEN.match(line)
    return line.startswith(">") or bool(spoken and (spoken[1] or spoken[2].lower() not in IMPERATIVES))


def _is_data(line: str) -> bool:
    """Whether a line is code, a log, a list item, a labelled field or a row of values."""
    return bool(_DATA.search(line)) or _is_table_row(line)


def _is_table_row(line: str) -> bool:
    """Whether a line looks like a row of values: several commas and no end of a sentence, semicolons, or short cells and bars."""
    commas = line.count(",") >= MIN_ROW_COMMAS and not line.rstrip().endswith((".", "!", ":"))
    commas = commas and len(line.partition(",")[0].split()) <= MAX_CELL_WORDS
    return commas or bool(_SEMICOLONS.fullmatch(line) or _CELLS.fullmatch(line))


def _fenced(lines: list[str]) -> list[bool]:
    """For each line, whether it belongs to a fenced code block."""
    inside, marks = False, []
    for line in lines:
        fence = bool(_FENCE.match(line))
        marks.append(inside or fence)
        inside ^= fence
    return marks


def _line_end(body: str, start: int) -> int:
    """Index of the end of the line that holds `start`."""
    end = body.find("\n", start)
    return len(body) if end < 0 else end
