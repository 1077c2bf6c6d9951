"""Prompts that are there already: the same but for case and spaces, or nearly the same.

Near means that the sets of five-character pieces overlap by `JACCARD` or more. MinHash with locality-sensitive
hashing (datasketch) proposes pairs, and the exact overlap decides, so that nothing is dropped by a chance of
hashing. What can happen is a miss: a pair at exactly 0.8 is proposed with probability 97 %, one at 0.9
practically always. 100,000 prompts take about 20 seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from training.data.selection.text import by_rank, normalised, prompt_of
from training.data.types import Preference, Reject

JACCARD = 0.8
PIECE = 5
"""Characters; the usual size for short texts."""
BANDS, ROWS_A_BAND = 12, 6
"""The chance to propose a pair of overlap s is 1 - (1 - s**6)**12."""


def drop_duplicates(rows: Iterable[Preference], seed: int) -> tuple[list[Preference], list[Reject]]:
    """One row of every prompt, by rank (`by_rank`), and the others with the id of the one that stays.

    Exact duplicates are `duplicate`, others `near_duplicate`. The result does not depend on the order of rows.
    """
    unique, same = _drop_exact(by_rank(rows, seed))
    kept, near = _drop_near(unique)
    return kept, same + near


def _drop_exact(rows: Sequence[Preference]) -> tuple[list[Preference], list[Reject]]:
    """The first row of every normalised prompt."""
    first: dict[str, Preference] = {}
    rejects = []
    for row in rows:
        kept = first.setdefault(normalised(prompt_of(row)), row)
        if kept is not row:
            rejects.append(Reject(row.id, row.source, "select", "duplicate", f"of {kept.id}"))
    return list(first.values()), rejects


def _drop_near(rows: Sequence[Preference]) -> tuple[list[Preference], list[Reject]]:
    """Every row that is not near one that was kept before it."""
    kept, rejects = [], []
    texts = [normalised(prompt_of(row)) for row in rows]
    for row, twin in zip(rows, _twins(texts), strict=True):
        if twin is None:
            kept.append(row)
        else:
            rejects.append(Reject(row.id, row.source, "select", "near_duplicate", f"of {rows[twin].id}"))
    return kept, rejects


def _twins(texts: Sequence[str]) -> Iterator[int | None]:
    """For every text the first earlier one that has no twin and overlaps with it, or None."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(params=(BANDS, ROWS_A_BAND), num_perm=BANDS * ROWS_A_BAND)
    hashes = ([crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces(text)] for text in texts)
    minhashes = MinHash.generator(hashes, num_perm=BANDS * ROWS_A_BAND, hashfunc=int)
    for number, minhash in enumerate(minhashes):
        own = pieces(texts[number])
        proposed = sorted(lsh.query(minhash))
        twin = next((other for other in proposed if jaccard(own, pieces(texts[other])) >= JACCARD), None)
        if twin is None:
            lsh.insert(number, minhash, check_duplication=False)
        yield twin


def pieces(text: str) -> set[str]:
    """All runs of `PIECE` characters, or the text itself if it is shorter."""
    return {text[start : start + PIECE] for start in range(max(1, len(text) - PIECE + 1))}


def jaccard(left: set[str], right: set[str]) -> float:
    """What two sets share, as a part of what they have together; neither may be empty."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)
