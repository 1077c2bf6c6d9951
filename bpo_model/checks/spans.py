"""Find the hard spans of a text: what a rewrite must neither lose nor invent.

Each function returns a Counter of normalized spans, so that two texts compare as
multisets. All patterns run in linear time: no nested repeats, bounded gaps.
"""

import re
import unicodedata
from collections import Counter

_UNITS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
NUMBER_WORDS = {
    **{word: str(value) for value, word in enumerate(_UNITS, start=2)},
    **{word: str(value) for word, value in _TENS.items()},
    **{
        f"{tens}-{unit}": str(value + number)
        for tens, value in _TENS.items()
        for number, unit in enumerate(["one", *_UNITS[:8]], start=1)
    },
    "hundred": "100",
    "dozen": "12",
}
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_])(?:([$€£¥₹])\s?|((?<![^\s(])[-−]))?(\d[\d.,:/–-]*\d|\d)(?:(?:st|nd|rd|th)\b)?\s?(%|°C|°F|[$€£¥₹])?"
)
_FRACTION = re.compile(r"[½⅓⅔¼¾⅛⅜⅝⅞]")
_UNIT = re.compile(
    r"(?<![A-Za-z0-9_])(\d[\d.,]{0,20})\s?-?("
    r"µg|mcg|km|cm|mm|m2|m3|m|mi|miles?|ft|feet|inch(?:es)?|kg|g|mg|lbs?|oz|ml|l|litres?|liters?|cups?|tsp|tbsp"
    r"|hours?|hrs?|h|minutes?|mins?|min|seconds?|secs?|s|ms|days?|weeks?|months?|years?|yrs?"
    r"|dollars?|usd|euros?|eur|pounds?|gbp|rs|inr|lakhs?|crores?|million|billion|thousand|k|gb|mb|tb|kwh|kw|w|v|degrees?|mph|kmh|lpa"
    r"|words?|sentences?|paragraphs?|pages?|lines?|characters?|bullets?|points?|people|persons?"
    r")\b",
    re.IGNORECASE,
)
_UNIT_ALIASES = {
    "hrs": "hour", "hr": "hour", "h": "hour", "mins": "minute", "min": "minute", "secs": "second", "sec": "second",
    "s": "second", "yrs": "year", "yr": "year", "feet": "ft", "inches": "inch", "lbs": "lb", "people": "person",
    "usd": "dollar", "eur": "euro", "gbp": "pound", "liter": "litre", "liters": "litre",
}  # fmt: skip
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")
_LINK = re.compile(
    r"\bhttps?://[^\s<>\"'`]+|\bwww\.[^\s<>\"'`]+"
    r"|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"
    r"|(?<![\w/.])(?:~|\.{1,2})?/(?:[\w.@+-]{1,80}/){0,30}[\w.@+-]{0,80}\w"
    r"|\b[A-Za-z]:\\[^\s\"<>|]+"
    r"|\b(?:[\w-]{1,80}/){1,20}[\w-]{1,80}\.[A-Za-z]\w{0,7}\b"
    r"|\b[\w-]{1,80}\.(?:py|js|ts|tsx|jsx|rb|go|rs|java|kt|c|cpp|h|cs|php|sh|sql|html|css|json|ya?ml|toml|md|txt|csv|xml|pdf|docx?|xlsx?|ipynb|lock)\b"
)
_DOMAIN = re.compile(
    r"(?<![\w@/.:-])(?:[\w-]{1,63}\.){1,4}(?:com|org|net|io|dev|edu|gov|co|ai|app|de|uk|fr|info|example)\b(?![\w/-])"
)
_ODD_WORD = re.compile(r"(?=[\x00-\x7f]{0,40}[^\x00-\x7f])[^\W\d_][\w\u0300-\u036f]{0,40}")
_ID = re.compile(
    r"\b[A-Z]{2,10}-\d{1,10}\b|(?<!\w)#\d{1,10}\b|\bv\d+(?:\.\d+){1,3}\b|\b[0-9a-f]{7,64}\b(?<=\d)|(?<!\w)@\w{2,40}"
)
_QUOTE = re.compile(
    r"\"([^\"\n]{1,2000})\"|“([^”“\n]{1,2000})”|«([^»«\n]{1,2000})»|„([^“”„\n]{1,2000})[“”]|「([^」「\n]{1,2000})」"
    r"|(?<![\w'])'([^'\n]{1,200}(?:'\w[^'\n]{0,200}){0,8})'(?!\w)|‘([^’\n]{1,200}(?:’\w[^’\n]{0,200}){0,8})’(?!\w)"
)
_FOLDED = str.maketrans("‘’“”", "''\"\"")
_OPTION_LABEL = re.compile(r"(?:(?<=\s)|(?<=^))\(?[A-Za-z]\)(?=\s)", re.MULTILINE)
_TAILED = re.compile(r"(?<![\w.,])\d[\d.,]{0,12}[a-z]{1,3}\b(?<!st)(?<!nd)(?<!rd)(?<!th)(?<!\ds)", re.IGNORECASE)
_LETTERS = re.compile(r"(?<![\w-])[^\W\d_]+(?![\w-])")
_SIGNS = frozenset(("Sc", "Sk", "Sm", "So", "Pd", "Po"))
_STRUCK = re.compile(r"\w[\u0334-\u0338]")
_ALNUM = re.compile(r"[^\W_]+")
_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_SQL = re.compile(r"\bselect \* from \w{1,40}(?: where \w{1,40})?", re.IGNORECASE)
_INLINE_CODE = re.compile(r"`([^`\n]{1,500})`")
_IDENTIFIER = re.compile(
    r"(?<!\w)--?[a-z][\w-]{1,40}(?![\w-])|\b[A-Za-z]\w{0,60}_\w+\b|\b\w{1,60}(?:\.\w{1,60}){0,4}\(\)(?!\w)"
    r"|\b[a-z][a-z0-9]{0,40}(?:[A-Z][a-z0-9]{1,40}){1,8}\b"
    r"|(?<=header )\w{1,40}(?:,\w{1,40}){1,20}\b|(?<![\w;|])[^\W\d]\w{0,40}(?:[;|][^\W\d]\w{0,40}){1,20}(?![\w;|])"
)
_INDEXED = re.compile(r"\b[A-Za-z]\w{0,40}\[\w{1,40}\](?!\w)")
_CODE = re.compile(r"\b[A-Za-z0-9]{0,40}?[A-Za-z][0-9][A-Za-z0-9]{0,40}\b")
CHAT_WORDS = frozenset("b4 gr8 l8 l8r m8 w8 h8 str8 any1 every1 some1 no1 cre8 sk8".split())
"""Words that are spelled with a digit for its sound."""
FREE_CASE = frozenset(
    "ps1 ps2 ps3 ps4 ps5 mp3 mp4 m4a 3d 2d h2o co2 o2 n2 h1n1 covid19 pg13 mi5 mi6 c3po r2d2 y2k b2b b2c p2p k12 i5 i7 i9 q1 q2 q3 q4 "
    "a1 a2 b1 b2 c1 c2 a4 a3 f1 g7 g8 g20 5g 4g 3g 4k 8k u2 ww1 ww2 wwi wwii v6 v8 gpt2 gpt3 gpt4 s3 ec2 ipv4 ipv6 utf8 sha1 sha256 md5 "
    "m1 m2 m3 m4 t20 es6 css3 html5 web3 n64 rtx x86 x64 arm64".split()
)
"""Codes that everybody knows, in whatever case they are typed."""
_VARIABLE = re.compile(
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^%\n]{0,200}%\}|\$\{[^{}\n]{0,200}\}|%\([\w ]{1,60}\)[sdifr]|\{[^{}\n]{0,200}\}"
    r"|<{1,3}/?[A-Za-z_][\w .:/-]{0,60}>{1,3}|\[[A-Z][A-Z0-9 _/-]{0,60}\]|\[[a-z][a-z0-9_ ]{0,40}\](?!\()"
    r"|(?<![\w$])\$[A-Za-z_]\w{0,60}|(?<!\w)%[A-Za-z_]\w{0,60}%|#{2,3}[\w{} ]{1,60}#{2,3}|(?<!\w)__[A-Z][A-Z_]{0,60}__(?!\w)|(?<!%)%[sd]\b"
)


def numbers(text: str) -> Counter[str]:
    """Digits with sign, currency or percent sign: `$1,000` -> `$1000`, `3rd` -> `3`, `3-4` -> `3`, `4`."""
    found = Counter(_FRACTION.findall(text))
    for currency, minus, digits, tail in _NUMBER.findall(text):
        first, *rest = [_plain(part) for part in re.split(r"[-–/]", digits) if part]
        found.update([f"{currency}{'-' if minus else ''}{first}{'' if rest else tail}", *rest[:-1]])
        found.update([f"{rest[-1]}{tail}"] if rest else [])
    return found


def number_words(text: str) -> Counter[str]:
    """Numbers from two upwards that are written as words, as digits."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        found += [word] if word in NUMBER_WORDS else word.split("-")
    return Counter(NUMBER_WORDS[word] for word in found if word in NUMBER_WORDS)


def units(text: str) -> Counter[str]:
    """Numbers with their unit: `8km`, `8 km` and `8-km` -> `8 km`."""
    return Counter(f"{_plain(digits)} {_unit(unit)}" for digits, unit in _UNIT.findall(text))


def _unit(unit: str) -> str:
    """One spelling a unit: lower case, singular, no abbreviation."""
    low = unit.lower()
    low = _UNIT_ALIASES.get(low, low)
    return low[:-1] if low.endswith("s") and len(low) > 3 else low


def _plain(digits: str) -> str:
    """Digits without thousands separators and trailing punctuation."""
    return re.sub(r",(?=\d{3}(?!\d))", "", digits).rstrip(".,:/-")


def links(text: str) -> Counter[str]:
    """URLs, e-mail addresses, paths, file names, issue and version ids, handles."""
    found = [match.rstrip(".,;:!?)'\"") for match in _LINK.findall(text)]
    domains = (domain.lower() for domain in _DOMAIN.findall(text))
    return Counter(item for item in [*found, *domains, *_ID.findall(text)] if item)


def quotes(text: str) -> Counter[str]:
    """The inside of quotation marks of any style, as lower-case words."""
    groups = _QUOTE.findall(text)
    return Counter(inside for group in groups if (inside := plain_words("".join(group))))


def quotations(text: str) -> list[str]:
    """The inside of quotation marks to the letter, but for the style of marks in it and a mark at its end."""
    insides = (folded("".join(groups)).strip().rstrip(".,!?;:").rstrip() for groups in _QUOTE.findall(text))
    return [inside for inside in insides if inside]


def spellings_of_quotations(text: str) -> dict[str, set[str]]:
    """The words of each quotation -> how it is spelled, with hyphens and marks: two spellings are a difference meant."""
    found: dict[str, set[str]] = {}
    for groups in _QUOTE.findall(text):
        inside = folded("".join(groups)).strip()
        found.setdefault(plain_words(inside), set()).add(inside)
    return found


def folded(text: str) -> str:
    """A text with straight quotation marks and apostrophes."""
    return text.translate(_FOLDED)


def option_labels(text: str) -> Counter[str]:
    """Labels of options, such as `a)` and `(B)`."""
    return Counter(_OPTION_LABEL.findall(text))


def tailed_numbers(text: str) -> Counter[str]:
    """Numbers with letters behind them, such as `30e` and `5e`, as they stand; no ordinals."""
    return Counter(_TAILED.findall(prose(text)))


def plain_words(text: str) -> str:
    """Letters and digits in lower case, all else folded to single spaces."""
    return " ".join(_ALNUM.findall(text.casefold()))


def code(text: str) -> Counter[str]:
    """Code blocks, the inside of inline code and the head of a query in running text."""
    bare = _BLOCK.sub(" ", text)
    return Counter(_BLOCK.findall(text) + _INLINE_CODE.findall(bare) + _SQL.findall(bare))


def identifiers(text: str) -> Counter[str]:
    """Program names in running text, such as `snake_case`, `camelCase`, `call()`, `row[i]` and `--flag`."""
    return Counter(_IDENTIFIER.findall(prose(text)) + _INDEXED.findall(text))


def codes(text: str) -> Counter[str]:
    """Words in which a digit follows a letter, such as `EK512`, `base64` and `4x4`, without chat's `b4`."""
    return Counter(word for word in _CODE.findall(prose(text)) if word.casefold() not in CHAT_WORDS)


def odd_words(text: str) -> Counter[str]:
    """Words that hold a letter, or a mark over or through one, that is not ASCII."""
    found = (word.casefold() for word in _ODD_WORD.findall(prose(text)))
    return Counter(word for word in found if not word.isascii())


def shouted(text: str) -> list[str]:
    """Words of three letters and more in capitals, such as `STAGING`; none if most of the text is in capitals."""
    found = _LETTERS.findall(prose(text))
    return [] if 2 * sum(map(str.isupper, found)) > len(found) else [w for w in found if len(w) > 2 and w.isupper()]


def signs(text: str) -> Counter[str]:
    """Symbols, dashes and points that are not ASCII, such as `−` and `•`, and letters with marks through them.

    The style of quotation marks is free.
    """
    marked = _STRUCK.findall(text)
    return Counter(sign for sign in text if not sign.isascii() and unicodedata.category(sign) in _SIGNS) + Counter(
        marked
    )


def prose(text: str) -> str:
    """A text without its code, template variables and links."""
    return _LINK.sub(" ", _VARIABLE.sub(" ", _INLINE_CODE.sub(" ", _BLOCK.sub(" ", text))))


def variables(text: str) -> Counter[str]:
    """Template variables of every common style, as they stand."""
    return Counter(_VARIABLE.findall(text))
