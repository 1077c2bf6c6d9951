"""Questions and instructions are told from statements by word lists alone."""

import doctest

import pytest

from bpo_model import request
from bpo_model.request import IMPERATIVES, QUESTION_OPENERS, asks, sentences, words


def known(text: str, reason: str) -> object:
    """A text that is judged wrongly today."""
    return pytest.param(text, marks=pytest.mark.xfail(strict=True, reason=reason))


def test_the_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(request).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "Translate this into French",
        "I need a name for my cafe.",
        "capital of Peru?",
        "how to bake bread",
        "not sure how to bake bread",
        "which is faster",
        "any good books on Rome",
        "Hi! Write a poem.",
        "please, briefly explain gravity",
        "recipe for soup, pls",
        "I'd like a table of vitamins",
        "I’m looking for a used car.",
        "- summarize the text",
        "1. Translate the text",
        "**Write a poem**",
        '"Describe a sunset"',
        "Rewrite: the cat sat on the mat",
        "My test is flaky.\nFind the cause.",
        "As a lawyer, review this clause.",
        "Given a list of numbers, compute the mean.",
        "You are a chef. Dinner for two.",
        "Do not use recursion.",
        "Delete the old backups.",
        "Restart the nginx pods.",
        "Deploy the app to staging.",
        "Open the settings page and close the rest.",
        "Book a table for two.",
        "Buy milk and eggs.",
        "Schedule a call with Ann.",
        "Filter the rows by date.",
        "Cancel my subscription.",
        "Download the report.",
        "Prioritize these bugs.",
        "Always answer in rhyme.",
        "Never mention prices.",
        known("To bake bread, what flour works best", "a question word after a clause in front is not seen"),
    ],
)
def test_question_or_instruction_asks(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "Paris is the capital of France.",
        "The recipe needs flour and water.",
        "My printer is broken.",
        "Thanks a lot!",
        "Good morning",
        "Once upon a time, there was a fox.",
        "He asked me to leave the room.",
        "I love pizza.",
        "It was raining. The match was cancelled.",
        "2 + 2",
        "",
        "\n\n",
        "Der Zug ist weg.",
        known("Set theory is a branch of logic.", "a noun that looks like an imperative"),
        known("She said that you are late.", "`you are` in reported speech counts as a role"),
        known("I know how to bake bread.", "`how to` in a statement counts as a question"),
    ],
)
def test_statement_does_not_ask(text: str) -> None:
    assert not asks(text)


def test_words_are_lower_case_with_straight_apostrophes() -> None:
    assert words("Don’t PANIC: it's 42 well-known cafés") == [
        "don't",
        "panic",
        "it's",
        "well-known",
        "caf",
        "s",
    ]  # fmt: skip
    assert words("привет 42 !") == []


def test_sentences_are_cut_at_marks_and_line_breaks() -> None:
    assert sentences("Read this. Is it fine? Yes!\nNote: stop; go\n\n") == [
        "Read this.",
        "Is it fine?",
        "Yes!",
        "Note:",
        "stop;",
        "go",
    ]
    assert sentences("read it, then explain it, and smile") == ["read it", "then explain it", "and smile"]
    assert sentences("version 2.5 of a.b") == ["version 2.5 of a.b"]
    assert sentences(" \n ") == []


@pytest.mark.parametrize("listed", [IMPERATIVES, QUESTION_OPENERS], ids=["imperatives", "question openers"])
def test_a_listed_word_opens_a_request_in_any_case(listed: frozenset[str]) -> None:
    assert [word for word in sorted(listed) if not asks(f"{word.capitalize()} bread")] == []
    assert [word for word in listed if word != word.lower() or words(word) != [word]] == []
