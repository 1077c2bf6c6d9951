"""The contract as a whole: order, budget, no false alarms on good rewrites, no crash, no blow-up in time."""

import doctest
import itertools
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bpo_model import contract
from bpo_model.checks import form, safety
from bpo_model.config import LengthBudget
from bpo_model.contract import CHECKS, verify
from bpo_model.schema import Violation

TEXT = st.text(st.characters(), max_size=60)
"""Any characters, lone surrogates among them."""
MARKS = st.text(st.sampled_from("`~'\"{}<>[]()#$%*_-./:;@!?\n\t ’‘“”«»„「」|\\012aAbBiIsntéßİ一ل"), max_size=60)
"""Text dense in what the patterns look for."""
ANY = TEXT | MARKS


def failed(original: str, candidate: str) -> list[str]:
    """Names of the failed checks, in order."""
    return [violation.check for violation in verify(original, candidate)]


@pytest.mark.parametrize("module", [contract, safety], ids=lambda module: module.__name__)
def test_the_examples_in_the_documentation_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*CHECKS, "within_length", "joins_context"])
def test_a_check_says_with_examples_what_passes_and_what_fails(name: str) -> None:
    documentation = (CHECKS.get(name) or getattr(form, name)).__doc__ or ""
    assert "passes:" in documentation
    assert "fails:" in documentation


def test_a_check_is_listed_under_its_own_name() -> None:
    assert {name: check.__name__ for name, check in CHECKS.items()} == {name: name for name in CHECKS}


@pytest.mark.parametrize(
    "text", ["capital of Peru", "Lima is the capital of Peru.", "", "  ", "Sure, here is a prompt:", "\x00\ud800"]
)
def test_unchanged_candidate_has_no_violations(text: str) -> None:
    assert verify(text, text, LengthBudget(factor=0.0, extra_words=0), after=" x") == ()


def test_violations_come_in_the_order_of_the_checks() -> None:
    original = "for Berlin: 3 ideas in json, not about football, see https://example.org"
    candidate = "Sure, football. Sure, football. Sure, football.\u200b Sure, football. 7"
    found = failed(original, candidate)
    assert found == [
        "no_control_characters",
        "no_loops",
        "numbers_kept",
        "numbers_invented",
        "links_kept",
        "names_kept",
        "content_kept",
        "negations_kept",
        "format_kept",
        "still_a_request",
        "no_answer",
    ]
    assert found == [name for name in CHECKS if name in found]


def test_every_violation_carries_the_candidate() -> None:
    candidate = "Lima, Peru, has 10 million people."
    found = verify("capital of peru", candidate)
    assert len(found) >= 3
    assert {violation.candidate for violation in found} == {candidate}


def test_context_after_the_instruction_is_checked_last() -> None:
    found = verify("Translate 2 lines:", "These lines are German.", after=" Guten Tag")
    assert [violation.check for violation in found] == [
        "numbers_kept",
        "names_invented",
        "content_kept",
        "still_a_request",
        "joins_context",
    ]
    assert "joins_context" not in failed("Translate 2 lines:", "These lines are German.")


def test_length_is_checked_first_and_alone() -> None:
    candidate = "7 \x00 " * 40
    assert verify("3 tips", candidate) == (Violation("within_length", "80 words, limit 35", candidate),)


def test_budget_of_the_caller_counts() -> None:
    candidate = "What is the capital of Peru?"
    assert verify("capital of Peru", candidate) == ()
    tight = LengthBudget(factor=1.0, extra_words=2)
    assert verify("capital of Peru", candidate, tight) == (Violation("within_length", "6 words, limit 5", candidate),)
    assert verify("capital of Peru", candidate, LengthBudget(factor=2.0, extra_words=0)) == ()


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("fix my regex for dates", "Fix my regex for dates. Explain what was wrong and show an example of its use."),
        ("why is my docker build slow", "Why is my Docker build slow? List the likely causes and how to check each."),
        ("sql to find duplicate customers", "Write an SQL query that finds duplicate customers, and explain it."),
        ("lentil soup recipe", "Give me a recipe for lentil soup, with amounts, steps and cooking times."),
        ("what to do with leftover rice", "What can I do with leftover rice? Suggest dishes and how to store it."),
        ("3 days in lisbon", "Plan 3 days in Lisbon, with sights, food and how to get around."),
        ("cheap flights to tokyo in may", "How do I find cheap flights to Tokyo in May? Compare ways to search."),
        ("can my landlord keep my deposit", "Can my landlord keep my deposit? Explain the rules and what I can do."),
        ("difference between a will and a trust", "Explain the difference between a will and a trust, with examples."),
        ("is ibuprofen ok with coffee", "Is ibuprofen OK with coffee? Explain the risks and when to ask a doctor."),
        ("my knee hurts after running", "My knee hurts after running. What can cause this, and what helps?"),
        ("how do index funds work", "How do index funds work? Explain in simple terms, with pros and cons."),
        ("should i pay off my loan early", "Should I pay off my loan early? Compare the pros and cons."),
        ("explain photosynthesis to a 10 year old", "Explain photosynthesis to a 10 year old, with a simple example."),
        ("essay on the french revolution", "Write an essay on the French Revolution: its causes, events and results."),
        ("quiz me on fractions", "Quiz me on fractions: ask one question at a time and explain each answer."),
        ("Answer {question} using {context}", "Answer {question} using {context} only, and say if it is not there."),
        ("restart the web service if it is down", "Check the web service and restart it if it is down."),
        ("what does OOMKilled mean in the log", "What does OOMKilled mean in the log, and how do I fix it?"),
        ("write a birthday poem for my sister", "Write a warm birthday poem for my sister, with vivid images."),
        ("act as a travel guide", "Act as a travel guide: ask about my interests, then suggest places."),
        ("how can i sleep better without pills", "How can I sleep better without pills? Explain some habits."),
        ("translate 'good morning' to italian", "Translate 'good morning' into Italian, and explain when it is used."),
        ("rewrite this email to sound polite", "Rewrite this email to sound polite and clear, and keep its meaning."),
        ("¿cómo puedo aprender a cocinar?", "¿Cómo puedo aprender a cocinar? Explica los primeros pasos."),
        ("wie lerne ich am besten Klavier", "Wie lerne ich am besten Klavier? Erkläre die ersten Schritte."),
        ("comment apprendre le piano", "Comment apprendre le piano ? Donne les premières étapes."),
        ("как научиться готовить", "Как научиться готовить? Объясни первые шаги."),
        ("खाना बनाना कैसे सीखें", "खाना बनाना कैसे सीखें? पहले कदम समझाएं।"),
        ("如何学习做饭", "如何学习做饭？请说明第一步。"),
        ("كيف أتعلم الطبخ", "كيف أتعلم الطبخ؟ اشرح الخطوات الأولى."),
    ],
)  # fmt: skip
def test_a_good_rewrite_passes_every_check(original: str, candidate: str) -> None:
    assert verify(original, candidate) == ()


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "still_a_request"])
@settings(max_examples=60, deadline=None)
@given(text=ANY)
@example(text="\ud800")
@example(text="")
def test_a_check_that_compares_finds_nothing_in_equal_texts(name: str, text: str) -> None:
    assume("İ" not in text)  # see the test below
    assert CHECKS[name](text, text) == ""


def test_turkish_name_is_found_again() -> None:
    assert CHECKS["names_kept"]("Bana İTÜ anlat", "Bana İTÜ anlat, lütfen") == ""
    assert CHECKS["names_invented"]("Bana İTÜ anlat", "Bana İTÜ anlat, lütfen") == ""


@settings(max_examples=200, deadline=None)
@given(ANY)
def test_a_text_is_a_valid_rewrite_of_itself(text: str) -> None:
    assert verify(text, text) == ()


@settings(max_examples=400, deadline=None)
@given(ANY, ANY, ANY)
@example("\ud800", "\udfff a", "\ud800")
@example("'", "-'’", ":")
def test_no_text_crashes_the_contract(original: str, candidate: str, after: str) -> None:
    roomy = LengthBudget(factor=1.0, extra_words=100)
    for violation in verify(original, candidate, roomy, after=after):
        assert violation.check in {*CHECKS, "within_length", "joins_context"}
        assert violation.detail


UNITS = [
    "(", '"', "a", "{", "<", "1,", "a.", "a/", "#", " ", "it's ",
    "1", "1 ", "1.", "a-", "a_", "aB", "A", "Ab ", "-", "--a", "_", "`", "~", "$", "%", "[a", "@", "a@",
    "'a", "«", "\n", ". ", "://", "./", "C:\\", "a, ", "not ", "only ", "one ", "answer: ", "**", "é",
]  # fmt: skip
"""Short texts that patterns with overlapping repeats choke on when they come many times."""


def case(name: str, unit: str) -> object:
    """One check on one kind of text."""
    return pytest.param(name, unit, 5_000, id=f"{name}-{unit!r}")


def growth(check: Callable[[str, str], object], make: Callable[[int], tuple[str, str]], size: int) -> float:
    """How many times longer a text of four times the size takes: 4 if linear, 16 if quadratic.

    The processor time of this thread, the best of a few tries, so that a busy machine does not count.
    """
    best = [float("inf"), float("inf")]
    for _ in range(5):
        for i, scale in enumerate((1, 4)):
            texts = make(size * scale)
            start = time.thread_time()
            check(*texts)
            best[i] = min(best[i], time.thread_time() - start)
        if best[1] < LIMIT * best[0]:
            break
    return best[1] / best[0]


LIMIT = 8
"""Half way, as a factor, between linear and quadratic."""


@pytest.mark.parametrize(("name", "unit", "size"), [case(name, unit) for name in CHECKS for unit in UNITS])
def test_time_grows_in_proportion_to_the_text(name: str, unit: str, size: int) -> None:
    def make(length: int) -> tuple[str, str]:
        text = (unit * (length // len(unit) + 1))[:length]
        return text, f"Explain {text}"

    assert growth(CHECKS[name], make, size) < LIMIT


def different_words(count: int) -> str:
    """Words that all start with the same letter, as no prose does."""
    letters = itertools.product("bcdfghjklm", "aeiou", "npqrstvwxz", "aeiou", "bcdfghjklm")
    return " ".join("Z" + "".join(word) for word in itertools.islice(letters, 0, 7 * count, 7))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.xfail(
                strict=True, reason="each word is compared with each word that starts with the same letter"
            ),
        )
        if name in {"names_kept", "names_invented", "content_kept"}
        else name
        for name in CHECKS
    ],
)
def test_time_grows_in_proportion_to_the_number_of_different_words(name: str) -> None:
    def make(count: int) -> tuple[str, str]:
        listed = different_words(2 * count).split()
        return "the " + " ".join(listed[::2]), "Explain the " + " ".join(listed[1::2])

    assert growth(CHECKS[name], make, 25) < LIMIT
