"""What the stages hand to each other: preferences in, pairs and counted rejects out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preference:
    """One prompt with the answer that was preferred and the one that was not."""

    id: str
    """`source/source_id`, unique over all sources and stable over runs."""
    source: str
    """Name of the dataset: oasst, hh, arena, alpaca, or what the user calls his own."""
    source_id: str
    """How the dataset itself finds the row."""
    instruction: str
    """The user's words, without pasted context."""
    context: str
    """What was pasted with it; empty for all sources but Alpaca."""
    chosen: str
    rejected: str
    language: str
    """ISO 639-1 as the source says; empty if it does not."""
    licence: str
    """SPDX identifiers, of this row."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A training example with everything that led to it; a row of pairs.parquet."""

    id: str
    source: str
    source_id: str
    licence: str
    instruction: str
    context: str
    chosen: str
    rejected: str
    critique: str
    """Why the teacher finds the chosen answer better."""
    optimized_instruction: str
    prompt: str
    """Instruction and context as a user would send them."""
    optimized_prompt: str
    """The same with the optimized instruction; the context is byte for byte that of `prompt`."""
    teacher: str
    """The model that served the answer."""
    template: str
    """Name and SHA-256 of the teacher's template."""
    request_key: str
    """Finds the teacher's answer in the ledger."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out: nothing disappears without a reason."""

    id: str
    source: str
    stage: str
    """`load`, `select` or `construct`."""
    reason: str
    """A name that can be counted, such as `too_short` or `contract:numbers_kept`."""
    detail: str = ""
    """What was found, for people."""
