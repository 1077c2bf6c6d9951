"""The held-out half of the torture suite: well formed, no copy of the first half, and able to fail.

The first set was read while the contract was mended, so its result is too good by an unknown amount. Whoever mends
the contract after reading failures of this set must say so in training/LOG.md: it is then no longer held out, and the
next unbiased number needs new cases.
"""

import json
import re
from pathlib import Path

import pytest

from evals.torture.__main__ import HELDOUT, main
from evals.torture.cases import CASES, Case, load_cases
from evals.torture.checks import CHECKS, violations

HELD, FIRST = load_cases(HELDOUT), load_cases(CASES)
LEAST, LEAST_KINDS = 180, 19
LEAST_OF_A_KIND = 8
COMMON_WORDS = 0.4
"""Share of the words of two prompts, as sets, from which they are called near copies; the closest have 0.32."""
COMMON_TRIPLES = 0.2
"""The same for runs of three words; the closest have 0.11."""


def words(prompt: str) -> list[str]:
    """Letters and digits between anything else."""
    return re.findall(r"\w+", prompt.casefold())


def sets(prompt: str) -> tuple[frozenset[str], frozenset[tuple[str, ...]]]:
    """Words, and runs of three words."""
    found = words(prompt)
    return frozenset(found), frozenset(zip(found, found[1:], found[2:], strict=False))


def alike(one: frozenset[object], other: frozenset[object], least: float) -> bool:
    """Whether Jaccard's index reaches a share; sizes alone tell most that do not."""
    few, many = sorted((len(one), len(other)))
    return 0 < least * many <= few and len(one & other) >= least * len(one | other)


def near(one: str, other: str) -> bool:
    """Whether one prompt is the other with a few words changed."""
    return close(sets(one), sets(other))


def close(one: tuple[frozenset[str], frozenset[tuple[str, ...]]],
          other: tuple[frozenset[str], frozenset[tuple[str, ...]]]) -> bool:  # fmt: skip
    """The same for what `sets` found."""
    if min(len(one[0]), len(other[0])) < 2:  # one shared word, such as `ok`, is no copy; the same words are
        return bool(one[0]) and one[0] == other[0]
    return alike(one[0], other[0], COMMON_WORDS) or alike(one[1], other[1], COMMON_TRIPLES)


def test_the_set_is_large_and_has_kinds_of_the_first() -> None:
    counts = {kind: sum(case.kind == kind for case in HELD) for kind in {case.kind for case in HELD}}
    assert len(HELD) >= LEAST
    assert set(counts) <= {case.kind for case in FIRST}
    assert len(counts) >= LEAST_KINDS
    assert {kind: count for kind, count in counts.items() if count < LEAST_OF_A_KIND} == {}


def test_ids_are_unique_and_of_no_first_case() -> None:
    ids = [case.id for case in HELD]
    assert len(set(ids)) == len(ids)
    assert {case.id for case in FIRST} & set(ids) == set()
    assert len({case.why for case in HELD + FIRST}) == len(HELD) + len(FIRST)


def test_no_case_is_a_near_copy() -> None:
    held, first = [(case.id, sets(case.prompt)) for case in HELD], [(case.id, sets(case.prompt)) for case in FIRST]
    copies = [(id, other) for place, (id, mine) in enumerate(held)
              for other, known in first + held[:place] if close(mine, known)]  # fmt: skip
    assert copies == []


def test_a_near_copy_would_be_seen() -> None:
    copied = [case for case in FIRST if near(case.prompt, case.prompt.replace(" the ", " a ") + " Thanks!")]
    assert len(copied) > 0.9 * len(FIRST)  # the rest are a word or two long
    assert near("make it shorter", "Make it SHORTER!")
    assert not near("make it shorter", "make it rhyme with Tuesday")


def test_the_prompt_itself_holds_every_check() -> None:
    assert [case.id for case in HELD if violations(case, case.prompt)] == []


@pytest.mark.parametrize("rewrite", ["", "Please help me with this, in a clear and structured way."])
def test_every_case_fails_for_a_rewrite_that_lost_the_prompt(rewrite: str) -> None:
    def own(case: Case) -> bool:
        # Not `violations`, which refuses a blank text for every case, whatever its checks are.
        return any(CHECKS[name](case.prompt, rewrite, argument) for name, argument in case.checks.items())

    assert [case.id for case in HELD if not own(case)] == []


def test_each_kept_text_and_each_forbidden_one_counts() -> None:
    silent = []
    for case in HELD:
        for name in ("keep", "keep_block"):
            for span in case.checks.get(name, ()):
                if not CHECKS[name](case.prompt, case.prompt.replace(span, " "), [span]):
                    silent.append((case.id, span))
        for span in case.checks.get("forbid", ()):
            if not CHECKS["forbid"](case.prompt, f"{case.prompt} {span}", [span]):
                silent.append((case.id, span))
    assert silent == []


def test_about_two_thirds_could_be_improved() -> None:
    assert 0.5 < sum(case.changeable for case in HELD) / len(HELD) < 0.8


def test_heldout_runs_that_set_alone_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--heldout", "--optimizer", "identity", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))
    assert report["conditions"]["set"] == "held out"
    assert report["conditions"]["cases"] == report["rewriters"][0]["total"]["cases"] == len(HELD)
    assert report["rewriters"][0]["total"]["violated"]["count"] == 0
    assert capsys.readouterr().out.startswith("set: held out; ")


def test_a_held_out_kind_can_be_run_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--heldout", "--kinds", "typos", "--optimizer", "suffix"]) == 0
    assert f"cases: {sum(case.kind == 'typos' for case in HELD)};" in capsys.readouterr().out


def test_the_default_is_still_the_first_set(tmp_path: Path) -> None:
    assert main(["--kinds", "quotes", "--optimizer", "identity", "--out", str(tmp_path)]) == 0
    conditions = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["conditions"]
    assert "set" not in conditions
    assert conditions["cases"] == sum(case.kind == "quotes" for case in FIRST)


def test_heldout_and_cases_contradict_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--heldout", "--cases", str(tmp_path), "--optimizer", "identity"])
    assert left.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err
