"""Hop two: is this prompt worth rewriting, and safe to rewrite? If not, say why.

Each rule is a small function of the text. The order matters: what makes a prompt
unreadable comes first, opinions about its quality come last. The policy is data of the
checkpoint (`bpo.json`), and every rule can be switched off by the user.
"""

import re
from collections.abc import Callable

from bpo_model.checks.form import unsupported_characters
from bpo_model.config import GatePolicy
from bpo_model.follow_up import refers_back
from bpo_model.language import speaks
from bpo_model.request import asks, sentences, words
from bpo_model.schema import Reason
from bpo_model.split import Split

Rule = Callable[[str, Split, GatePolicy, bool], bool]
"""(text, its split, policy, has_history) -> whether the prompt is left alone."""

_SMALL_TALK = re.compile(
    r"^(?!\W*again\W*$)\W*(?:(?:hi+|hey+|hello+|hallo|hola|namaste|yo|sup|good (?:morning|afternoon|evening|night|day|bye)|bye+|goodbye"
    r"|thanks?(?: you)?|thank u|thx|ty|ok(?:ay)?|cool|great|nice|perfect|awesome|wow|lol|haha+|yes|yeah|yep|no|nope|sure|please|welcome"
    r"|never ?mind|got it|i see|how are (?:you|u)|how r u|how's it going|what's up|whats up|r u there|are you there|happy \w+|merry \w+|congrat\w+"
    r"|there|all|again|everyone|everybody|friend|buddy|sir|madam|ji|mate|man|very much|so much|a lot|to you(?: and your family)?|too|today|doing|for (?:the|your) help"
    r")\b[\s\W]*){1,6}$",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"^\s*(?:\$ |> |sudo |git |docker |kubectl |curl |ssh |python3? -|python3? \S+\.py|node \S+\.js|SELECT\s.+\sFROM\s|INSERT INTO |UPDATE \w+ SET |[/!]\w+"
    r"|(?:cat|cd|ls|rm|cp|mv|mkdir|chmod|tar|grep|find)\s+(?:-\w|\S*[/.~*]\S*)|make (?:install|test|clean|build|all|check)\s*$"
    r"|(?:brew|apt|apt-get|yum|dnf|conda|npm|pip|yarn|cargo|go|gem) (?:install|run|build|test|update|add)\b)"
)
_PROSE_IN_COMMAND = re.compile(
    r"(?<![-/.])\b(?:why|how|what|then|please|explain|does|is|not|doesn't|i|my|this|and|but|for|undo|msg|message)\b",
    re.IGNORECASE,
)
_FENCED_ONLY = re.compile(r"\s*(```|~~~).*\1\s*", re.DOTALL)
_CODE_LINE = re.compile(
    r"[{};]\s*$|^\s*(?:def|class|import|from|return|if|for|while|else|elif|try|except|const|let|var|function|public|private|#include)\b"
    r"|^\s*(?:</?\w+|//|/\*|@\w+)|^\s*(?:section|global|extern|mov|xor|push|pop|call|ret|syscall|jmp|cmp|lea)\b|^\s*\w+:\s+d[bwdq]\s"
    r"|^\s*\w+(?:\.\w+)*\s*(?:\(.*\)|=[^=]).*$|^\s*[\]})]+[;,]?\s*$|^\s*[-\w.\"']+\s*:\s*\S*$"
)
_URL_ONLY = re.compile(r"^\s*(?:https?://|www\.)\S+\s*$|^\s*[\w.+-]+@[\w-]+\.[\w.]+\s*$|^\s*(?:~|\.)?/[\w./-]+\s*$")
_BARE = re.compile(r"\s*[{<\[$%]+[\w .]+[}>\]%]+\s*|\s*You are an? [\w -]{1,60}[.!]?\s*")
_MOVE = re.compile(
    r"(?i)\s*I (?:attack|climb|close|cut|draw|drink|drop|enter|follow|grab|hide|jump|kick|knock|leave|look|nod|open|pick|pull|push|put|say"
    r"|show|shrug|sit|smile|stand|swing|take|throw|turn|walk|whisper)\b"
)
"""A move in a running game or role-play."""
_JSON_ONLY = re.compile(r"^\s*(?:\{.*\}|\[.*\]|<\w[^>]*>.*</\w+>|<\?xml.*>)\s*$", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s|\n)\(?(?:[A-Ea-e]|[ivx]{1,3}|[1-5])[.):]\s+\S|^[ \t]*\[ ?\]\s", re.MULTILINE)
_RENDERED = re.compile(
    r"<\|(?:start_header_id|end_header_id|eot_id|im_start|im_end|system|user|assistant|end)\|>|\[/?INST\]"
)
_SCALE = re.compile(r"(?<![\w.,])1\s+2\s+3\s+4\s+5\b")
_CHOICE_WORDS = re.compile(
    r"\b(?:true or false|which of (?:the following|these)|a(?:,| or) b|choose (?:the|one)|select (?:the|all|one)|multiple[- ]choice|mcq)\b",
    re.IGNORECASE,
)
_MATH_QUESTION = re.compile(
    r"\b(?:how (?:many|much)|what (?:is|was|are) the (?:total|sum|difference|average|cost|price|area|volume|speed|probability|value|remainder|number)"
    r"|solve|calculate|compute|evaluate|simplify|factor|find (?:the )?(?:value|x|y|n|sum|area|derivative|integral|probability))\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(r"\b(?:should|recommend|suggest|advice|worth|best|plan|ideas?)\b", re.IGNORECASE)
_ARITHMETIC = re.compile(
    r"\d\s?%\s+of\s+\$?\d|\b(?:square|cube) root of \d|\d\s+(?:times|plus|minus|divided by|multiplied by|to the power of)\s+\d",
    re.IGNORECASE,
)
_MATH_TOPIC = re.compile(
    r"\b(?:per ?cent(?:age)?|profit|average speed|perimeter|area of|what area|original price|left over|sum of|equal to|times as|twice as|consecutive"
    r"|marked down|at what time|two-digit|possible values|km/h|mph|interest|ratio of|fraction|equilateral|jug|fewest|how (?:old|far|fast|long))\b|\d%",
    re.IGNORECASE,
)
_SYLLOGISM = re.compile(
    r"\bdoes it follow\b|\b(?:all|no|some|every) \w+ (?:is|are) \w+[.,;]\s+(?:all|no|some|every) \w+ (?:is|are)\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(r"(?<![\w.])\d[\d.,]*")
_EXPRESSION = re.compile(
    r"\d\s*[+*×÷^=]\s*\(?-?\d|\d\s+[-/]\s+\d|\d\)?\s*[-+*/]\s*\(?\d*[xyn]\b|\b\d*[xyn]\s*[-+=^]\s*\d"
)
_SPECIFICS = re.compile(
    r"\b(?:\d+[- ](?:words?|sentences?|paragraphs?|bullets?|points?|lines?|steps?|examples?)|under \d+|at most|no more than|at least|exactly|between \d+"
    r"|include|including|cover|covering|list|describe|explain|compare|discuss|mention|use|avoid|do not|don't|without|keep|format|tone|audience|for (?:a|an|the|my) \w+"
    r"|step by step|in (?:bullet|json|markdown|a table)|such as|for each|each|then|end with|start with|begin with|focus(?:ing)? on|highlighting|with (?:a|an|at least|one|two|three))\b",
    re.IGNORECASE,
)
SPECIFIC_WORDS = 25
"""A prompt below this many words is never called specific ..."""
SPECIFIC_MARKS = 4
"""... nor one with fewer different demands than this."""


def should_rewrite(text: str, parts: Split, policy: GatePolicy, *, has_history: bool) -> Reason | None:
    """The reason to leave a prompt alone, or None to go on.

    >>> from bpo_model.split import split
    >>> should_rewrite("2 + 2 = ?", split("2 + 2 = ?"), GatePolicy(), has_history=False).value
    'math_problem'
    """
    return next((reason for reason, rule in RULES.items() if rule(text, parts, policy, has_history)), None)


def must_leave_alone(text: str, parts: Split, policy: GatePolicy) -> Reason | None:
    """The reasons that hold even with rewrite="always": nothing to rewrite, or too much."""
    return next((reason for reason in HARD if RULES[reason](text, parts, policy, False)), None)


def is_blank(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Nothing but white space."""
    return not text.strip()


def has_unsupported_characters(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """NUL, lone surrogates or invisible controls in the part that would be rewritten."""
    return bool(unsupported_characters(parts.instruction))


def is_too_long(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """More words than the checkpoint's budget; very long "words" count by their length."""
    return max(len(parts.instruction.split()), len(parts.instruction) // 8) > policy.max_words


def is_small_talk(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Greetings and thanks: "Namaste ji", "thanks a lot!"."""
    return bool(_SMALL_TALK.match(text[:200])) if len(text) <= 200 else False


def is_follow_up(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Refers to earlier turns: "make it shorter", "and in French?"; after turns, any short text that points back."""
    return not parts.context.strip() and refers_back(text, has_history=has_history)


def is_other_language(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Not in a language of the checkpoint."""
    return not speaks(parts.instruction, policy.languages)


def is_not_a_request(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Only code, data, a command, a link, a fragment, a word that asks nothing, or a template variable."""
    if sum(word.isalpha() for word in words(text)) <= 1 and not asks(text):
        return True  # "asdf", "Chapter 9.": what it wants the model could only make up
    if _MOVE.match(text) and not asks(text):
        return True
    longest = max(map(len, words(parts.instruction)), default=0)
    if longest < 2 or any(only.fullmatch(text) for only in (_URL_ONLY, _JSON_ONLY, _FENCED_ONLY, _BARE)):
        return True
    if _COMMAND.match(text) and not _PROSE_IN_COMMAND.search(text):
        return True
    lines = [line for line in parts.instruction.splitlines() if line.strip()]
    return "\n" in text and all(_CODE_LINE.search(line) for line in lines)


def is_unclear(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Several lines without a recognizable request, or turns that were rendered for a model already."""
    return not parts.clear or len(_RENDERED.findall(text)) > 1


def is_multiple_choice(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """A question with lettered options or a scale from 1 to 5, or a true-or-false question."""
    if not policy.skip_multiple_choice:
        return False
    options = len(_OPTION.findall(text))
    return (
        (options >= 3 and "?" in text)
        or (options >= 2 and bool(_CHOICE_WORDS.search(text)))
        or (
            options >= 3
            and len(text.splitlines()) >= 4
            and len(text) < 600
            and all(len(line) < 90 for line in text.splitlines()[1:])
        )
        or bool(_SCALE.search(text) or re.search(r"\btrue or false\b", text, re.IGNORECASE))
    )


def is_math(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """An arithmetic expression, an equation, a word problem or a syllogism."""
    if not policy.skip_math:
        return False
    if (
        _SYLLOGISM.search(text)
        or _ARITHMETIC.search(text)
        or (_EXPRESSION.search(text) and (len(words(text)) <= 4 or _MATH_QUESTION.search(text)))
    ):
        return True
    quantities = len(_QUANTITY.findall(text))
    if quantities < 2 or len(text) > 900 or _ADVICE.search(text):
        return False
    told = len(sentences(text)) >= 2 or quantities >= 3
    return told and (bool(_MATH_QUESTION.search(text)) or (asks(text) and bool(_MATH_TOPIC.search(text))))


def is_already_specific(text: str, parts: Split, policy: GatePolicy, has_history: bool) -> bool:
    """Long enough, and with several different demands on the answer."""
    if not policy.skip_specific or len(parts.instruction.split()) < SPECIFIC_WORDS or not asks(parts.instruction):
        return False
    return len({mark.lower() for mark in _SPECIFICS.findall(parts.instruction)}) >= SPECIFIC_MARKS


RULES: dict[Reason, Rule] = {
    Reason.BLANK: is_blank,
    Reason.UNSUPPORTED_CHARACTERS: has_unsupported_characters,
    Reason.TOO_LONG: is_too_long,
    Reason.SMALL_TALK: is_small_talk,
    Reason.FOLLOW_UP: is_follow_up,
    Reason.LANGUAGE: is_other_language,
    Reason.MULTIPLE_CHOICE: is_multiple_choice,
    Reason.MATH_PROBLEM: is_math,
    Reason.NOT_A_REQUEST: is_not_a_request,
    Reason.UNCLEAR_INSTRUCTION: is_unclear,
    Reason.ALREADY_SPECIFIC: is_already_specific,
}
HARD = (Reason.BLANK, Reason.UNSUPPORTED_CHARACTERS, Reason.TOO_LONG)
