"""What the page of `bpo ui` says of a result."""

import pytest

from bpo_model.contract import CHECKS
from bpo_model.schema import Reason, Strategy
from bpo_model.testing import FakeOptimizer
from bpo_model.ui.view import segments, view
from bpo_model.ui.words import STRATEGIES, WHY, check_sentence, checks_passed, offer

TEXTS = ("tell me a joke", "Tell me a  short joke \U0001f33f, e\u0301clair!", "", "a b c d", "x a b c d", "A B c\nd")


def test_every_reason_strategy_and_check_has_a_sentence() -> None:
    assert WHY.keys() == set(Reason)
    assert STRATEGIES.keys() == set(Strategy)
    assert set(CHECKS) < set(checks_passed())
    for name in checks_passed():
        assert check_sentence(name).endswith("."), name
        assert len(check_sentence(name).split()) > 3, name


@pytest.mark.parametrize("before", TEXTS)
@pytest.mark.parametrize("after", TEXTS)
def test_marked_changes_add_up_to_both_texts(before: str, after: str) -> None:
    found = segments(before, after)
    assert "".join(text for kind, text in found if kind != "removed") == after
    assert "".join(text for kind, text in found if kind != "added") == before
    assert all(text for _, text in found)


def test_words_that_change_together_are_marked_together() -> None:
    assert segments("a b c", "x y c") == [["removed", "a b"], ["added", "x y"], ["same", " c"]]


def test_rejected_rewrites_are_shown_with_all_that_was_wrong_with_them() -> None:
    result = FakeOptimizer(lambda text: "Sure, here are 7 laptops.").optimize("best laptop under $800")
    found = view("key", result)
    assert (found["changed"], found["passed"], found["again"]) == (False, [], "aggressive")
    assert [candidate["text"] for candidate in found["rejected"]] == ["Sure, here are 7 laptops."]
    checks = {check["name"]: check["detail"] for check in found["rejected"][0]["checks"]}
    assert checks["numbers kept"] == "lost $800"
    assert "no numbers invented" in checks


def test_what_is_offered_can_give_a_rewrite() -> None:
    for prompt in ("hello", "what is 17 * 3?", "make it shorter"):
        optimizer = FakeOptimizer()
        assert offer(optimizer.optimize(prompt, rewrite="auto").reason) == "always"
        assert optimizer.optimize(prompt, rewrite="always").reason not in (Reason.SMALL_TALK, Reason.MATH_PROBLEM)
    assert offer(FakeOptimizer().optimize(" ").reason) == ""
