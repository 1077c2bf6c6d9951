"""Does a piece of English text ask for something? Shared by split, gate and contract.

Word lists, not a model: the answer takes microseconds, never changes between runs,
and a reader can see why a sentence counted.
"""

import re

IMPERATIVES = frozenset(
    """
    accept act adapt always bake book browse build buy cancel close convene cook delete deploy download fetch filter install invest
    migrate never open paint prioritise prioritize quiz remember restart revert roleplay round schedule upgrade
    add address announce advise analyse analyze answer apply argue arrange ask assist assess assign assume balance be
    brainstorm break build calculate call categorise categorize change chat check choose cite clarify classify
    clean code combine come comment compare compile complete compose compute condense connect consider
    construct continue contrast convert convince correct count cover craft create critique debug decide deduce
    define demonstrate derive describe design detect determine develop devise diagnose differentiate
    discuss distinguish divide do document draft draw edit elaborate emulate enumerate equate estimate evaluate
    examine expand explain explore extend extract fill find finish fix follow format formulate
    generate get gimme give go group guess guide help highlight hypothesize identify illustrate
    imagine implement improve include infer insert install inspect interpret invent investigate invite
    join keep label lay lets let let's link list locate look make map match mention merge modify multiply name
    offer optimise optimize order organise organize outline output paraphrase parse perform pick pitch plan
    play point polish predict prepare present pretend print produce proofread propose prove provide
    pull put quote rank rate read rearrange recommend refactor reformulate refute relate remind remove
    rename reorder rephrase replace reply report represent research respond restate restructure return
    reverse review revise reword rewrite run say scan scale score search select send set share shine shorten show shrink
    simplify simulate sketch solve sort specify spell split start state substitute suggest summarise
    summarize sum support swap tag take talk teach tell test think trace train trim transcribe transform translate try
    annotate decode decrypt encode encrypt lint minify punctuate rebase recap redo redraft refine rework squash tidy
    turn update use validate verify visualise visualize walk write
    """.split()
)
"""Verbs that open a request when they come first in a sentence."""

QUESTION_OPENERS = frozenset(
    """
    what what's whats wat how how's hows why where where's when which who who's whos whose whom
    is are am was were do does did can could should would will may might must has have
    isn't aren't doesn't don't can't couldn't shouldn't won't wouldn't any
    """.split()
)

_GREETING = r"(?:hi|hello|hey|hallo|ok|okay|so|now|then|also|and|first|next|finally|well|dear)"
_POLITE = r"(?:please|pls|plz|kindly|just|only|briefly|carefully|clearly|quickly|simply)"
_OPENING = re.compile(rf"(?:(?:{_GREETING}|{_POLITE})\b[,!. ]*){{0,4}}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n+|,\s+(?=then\b|and\b|please\b|pls\b|plz\b)")
_ASKING = re.compile(
    r"\?(?![\w=&%])"  # not that of an address
    r"|\b(?:please|pls|plz|kindly|help)\b"
    r"|\b(?:can|could|would|will)\s+(?:you|u|i|we)\b"
    r"|\b(?:i|we)(?:\s+(?:just|also|really|now|still))?(?:\s+(?:need|want|wanna|wish|require|am looking|are looking)"
    r"|\s+would\s+(?:like|love)|['’]d\s+(?:like|love))\b"
    r"|\bi['’]?m\s+looking\b|^(?:need|want|looking for)\s+(?:an?|some|the|help|query|sql|code|advice|ideas?)\b"
    r"|\b(?:tell|show|give|teach|remind|let)\s+(?:me|us)\b"
    r"|\b(?:how|what|where|when|why)\s+(?:to|do|does|is|are|am|should|can|could|would|did|about|if)\b"
    r"|^(?:given|for|from|based on|with|without|in|as|if|when|after|i['’]?m|i have|my|we|\w+ing)\b[^.?!\n]{3,160},\s+(?:so\s+|please\s+)?(?:"
    + "|".join(sorted(IMPERATIVES))
    + r")\b"
    r"|\b(?:your|the)\s+task\b|\byou\s+(?:are|will|must|should)\b",
    re.IGNORECASE | re.MULTILINE,
)


def words(text: str) -> list[str]:
    """The Latin-script words of a text, lower case, apostrophes kept and straightened."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """Rough sentences: cut after .!?:; and at line breaks; blank pieces are dropped."""
    return [piece for piece in _SENTENCE_END.split(text) if piece.strip()]


def asks(text: str) -> bool:
    """Whether any sentence of the text is a question or an instruction.

    >>> asks("Translate this into French"), asks("I need a name for my cafe.")
    (True, True)
    >>> asks("Paris is the capital of France.")
    False
    """
    return bool(_ASKING.search(text)) or any(_opens_request(piece) for piece in sentences(text))


def _opens_request(sentence: str) -> bool:
    """Whether the sentence starts with a question word or an imperative verb."""
    start = sentence.lstrip(" \t\"'“‘*#->•").lstrip("0123456789.) ")
    rest = start[_OPENING.match(start).end() :]  # type: ignore[union-attr]  # matches empty too
    first = words(rest)[:1]
    if first == ["when"] and "," in rest and rest.rstrip().endswith("."):
        return False  # "When it rained, we stayed." tells
    return bool(first) and (first[0] in IMPERATIVES or first[0] in QUESTION_OPENERS)
