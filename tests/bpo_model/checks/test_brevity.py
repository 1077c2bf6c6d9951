"""Who limited the answer is not asked for more; who did not is none of this check's business."""

import pytest

from bpo_model.checks.brevity import stays_brief
from bpo_model.contract import verify


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("is rye a grass? answer yes or no", "is rye a grass? answer yes or no. Explain how it grows."),
        ("capital of Chile, just the name", "capital of Chile, just the name. Describe its history."),
        ("only give me the number: eggs in a dozen", "only give me the number: eggs in a dozen. List a few uses."),
        ("regex for a UK postcode, no explanation", "regex for a UK postcode, no explanation. Discuss each part."),
        ("fix the typo, nothing else", "fix the typo, nothing else. Suggest a better title too."),
        ("sql only. newest order of each client", "sql only. newest order of each client. Explain the join."),
        ("in one word, what is rust", "in one word, what is rust? Compare it with rot."),
    ],
)
def test_a_further_part_of_a_limited_answer_is_a_violation(original: str, candidate: str) -> None:
    assert "stays_brief" in [violation.check for violation in verify(original, candidate)]


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("is rye a grass? yes or no", "Is rye a grass? Answer only yes or no."),
        (
            "regex for a postcode, no explanation",
            "Give me a regex for a postcode. Show only the regex, no explanation.",
        ),
        ("sql only. newest order of each client", "SQL only. Newest order of each client. Use a window function."),
        ("why do governments not just print money", "Why do governments not just print money? Explain inflation."),
        ("how does rye grow", "How does rye grow? Explain each stage."),
        ("only tell me the year and explain it", "Only tell me the year. Explain it."),
    ],
)
def test_the_limit_in_other_words_and_unlimited_answers_pass(original: str, candidate: str) -> None:
    assert stays_brief(original, candidate) == ""
