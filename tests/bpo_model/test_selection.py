"""The candidate most like the others is chosen, never an outlier."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from bpo_model import selection
from bpo_model.selection import choose

CANDIDATES = st.lists(st.lists(st.sampled_from("a b c d".split()), max_size=4).map(" ".join), min_size=1, max_size=6)


def test_the_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(selection).failed == 0


def test_outlier_is_not_taken_wherever_it_stands() -> None:
    outlier = "sing a song"
    near = ["Plan a trip to Rome", "Plan a long trip to Rome", "Plan a trip to Rome in May"]
    for place in range(4):
        listed = [*near[:place], outlier, *near[place:]]
        assert choose(listed, "trip to rome", prefer_changed=False) == "Plan a trip to Rome"


def test_first_one_wins_a_tie() -> None:
    assert choose(["x y", "a b"], "q", prefer_changed=False) == "x y"
    assert choose(["a", "b", "c"], "q", prefer_changed=False) == "a"


def test_samples_that_agree_overrule_the_first_candidate() -> None:
    assert choose(["x", "a b", "a b", "a b"], "q", prefer_changed=False) == "a b"


def test_single_candidate_is_taken() -> None:
    assert choose(["only one"], "q", prefer_changed=True) == "only one"


def test_unchanged_candidates_lose_only_if_a_change_is_preferred() -> None:
    listed = ["q", "q", "q", "q w"]
    assert choose(listed, "q", prefer_changed=True) == "q w"
    assert choose(listed, "q", prefer_changed=False) == "q"


def test_unchanged_candidate_is_taken_if_there_is_no_other() -> None:
    assert choose(["q", "q"], "q", prefer_changed=True) == "q"


@given(CANDIDATES, st.sampled_from(["a", "a b", ""]), st.booleans())
def test_choice_is_one_of_the_candidates_and_changed_if_that_is_preferred(
    candidates: list[str], original: str, prefer_changed: bool
) -> None:
    chosen = choose(candidates, original, prefer_changed=prefer_changed)
    assert chosen in candidates
    if prefer_changed and set(candidates) != {original}:
        assert chosen != original
    assert chosen == choose(candidates, original, prefer_changed=prefer_changed)
