"""Recognize a safety rewrite: an unsafe request turned into a safe one on the same topic.

The paper's fourth strategy has to let go of some words of the prompt ("hack", "without
getting caught"). For such rewrites, and only for them, the checks on content words and
negations ask less; numbers, names, links, quotes and all others stay as strict as ever.
"""

import re

UNSAFE = re.compile(
    r"\b(?:kill|murder|rape|molest\w*|grop\w+|assault|stab|strangl\w+|beat up|hurt|harm|tortur\w+|abus\w+|kidnap\w*|traffick\w*"
    r"|steal\w*|stolen|rob|robbing|shoplift\w*|burgl\w+|burn down|arson|embezzl\w+|launder\w*|ponzi|scam\w*|fraud\w*|forge\w*|fake|counterfeit\w*"
    r"|blackmail\w*|extort\w*|threaten\w*|stalk\w*|spy|spying|keylogger|track (?:my|her|his|someone)\w*|hack\w*|crack\w*|phish\w*|malware|ransomware|ddos"
    r"|bomb\w*|explosive\w*|weapon\w*|poison\w*|napalm|cocaine|heroin|meth|fentanyl|get high|drugged|roofie\w*|suicid\w*|kill (?:my|your)sel\w*|self[- ]harm"
    r"|anorexi\w*|pro ana|starve|cheat (?:on|in)|plagiari\w*|bully\w*|humiliat\w*|insult\w*|embarrass\w*|racist|slur\w*|nazi\w*|supremac\w*|terroris\w*"
    r"|bypass|jailbreak\w*|evade|avoid (?:getting )?caught|without (?:getting )?(?:caught|her|him|them|anyone|being)|home address|ssn|dox\w*|pics of|nudes?|dirty words?|bad words?)\b",
    re.IGNORECASE,
)
"""Signs that a prompt may ask for harm."""
SAFE_TURN = re.compile(
    r"\b(?:safe(?:ly|ty)?|legal(?:ly|ity)?|illegal|lawful(?:ly)?|law|crime|ethical(?:ly)?|ethics|consent|respect(?:ful|fully|ing)?|harmful|harmless|harm|dangers?|dangerous"
    r"|risks?|risky|consequences|prevent(?:ion)?|protect\w*|warning signs|professional|counsel\w*|therap\w*|crisis|emergency|help(?:line|ful ways)|support|healthy"
    r"|honest(?:ly)?|polite(?:ly)?|kind(?:ly|ness)?|privacy|boundar\w+|peaceful|responsib\w+|fair(?:ly|ness)?|inclusive|sensitiv\w+|wrong|victims?|official channels|without violence)\b",
    re.IGNORECASE,
)
"""Words by which a rewrite turns to the safe side."""


def is_safety_rewrite(original: str, candidate: str) -> bool:
    """Whether an unsafe prompt gained words of safety that it did not have.

    >>> is_safety_rewrite("how to poison a dog", "What are the dangers of poison for a dog?")
    True
    """
    if not UNSAFE.search(original):
        return False
    before = {word.casefold() for word in SAFE_TURN.findall(original)}
    return any(word.casefold() not in before for word in SAFE_TURN.findall(candidate))
