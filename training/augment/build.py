"""The whole way from instruction data to the files that a model is trained on.

read -> rewrite -> ask -> write. Rewrites and answers are kept by their content, so stopping at any place costs
nothing, and the same command goes on. OUT/data is there when every prompt has an answer or a reason, not before.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from training.augment.answers import Answers, answer_request, ask_all
from training.augment.arms import Arms, Asked, make_arms, requests_of
from training.augment.examples import Examples, read_examples
from training.augment.rewrites import Rewrite, read_rewrites, rewrite
from training.augment.settings import AugmentConfig
from training.augment.write_out import write_data
from training.data.teaching.ledger import Ledger
from training.data.teaching.plan import Plan, plan_requests
from training.data.teaching.request import Request

LEDGER, REWRITES, DATA = "ledger", "rewrites.jsonl", "data"
ANSWER_TOKENS = 300
"""Of an answer, as long as nothing is measured: a rule of thumb for instructions like Alpaca's."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be done; nothing was computed or asked for it."""

    examples: Examples
    rewrites: Mapping[str, Rewrite]
    """By the id of the example; what is missing was not tried yet, or failed."""
    asked: Mapping[str, Asked]
    """By the id of the example, as far as it has a rewrite."""

    def requests(self) -> list[Request]:
        """All of them, each once."""
        found = {request.key: request for asked in self.asked.values() for request in asked.values()}
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a build."""

    arms: Arms
    answers: Answers


def prepare(config: AugmentConfig, out: Path) -> Prepared:
    """Read the data and what earlier runs wrote.

    Raises:
        ValueError: If the data or the rewrites cannot be read.
    """
    examples = read_examples(config.data, config.sample, config.seed)
    rewrites = read_rewrites(examples.kept, out / REWRITES, config.checkpoint)
    asked = {
        one.id: requests_of(one, rewrites[one.id], config.llm, config.control)
        for one in examples.kept
        if one.id in rewrites
    }
    return Prepared(examples, rewrites, asked)


def rewrite_all(config: AugmentConfig, out: Path, *, progress: bool = True) -> tuple[Prepared, int]:
    """The first step alone; also on how many prompts the optimizer failed."""
    examples = read_examples(config.data, config.sample, config.seed)
    failed = rewrite(examples.kept, out / REWRITES, config.checkpoint, progress=progress)
    return prepare(config, out), failed


def estimate(config: AugmentConfig, out: Path) -> tuple[Prepared, Plan]:
    """What is left to ask and to pay: at most, since prompts without a rewrite yet count as rewritten.

    Such a rewrite counts as long as its prompt; after `rewrite` the requests are exact.
    """
    found = prepare(config, out)
    requests = [*found.requests(), *_expected(found, config)]
    tokens = min(ANSWER_TOKENS, config.llm.max_tokens)
    return found, plan_requests(requests, config.llm, Ledger(out / LEDGER), tokens)


def build(config: AugmentConfig, out: Path, *, progress: bool = True) -> Built:
    """Everything into `out`; OUT/data only if no answer is missing.

    Raises:
        ValueError: If the data cannot be read, a key is missing, or no row is left.
    """
    found, _ = rewrite_all(config, out, progress=progress)
    with closing(Ledger(out / LEDGER)) as ledger:
        answers = ask_all(found.requests(), config.llm, ledger, progress=progress)
    arms = make_arms(found.examples.kept, found.rewrites, found.asked, answers, config.control)
    if not arms.open:
        write_data(out / DATA, config, found.examples, found.rewrites, arms, answers)
    return Built(arms, answers)


def _expected(found: Prepared, config: AugmentConfig) -> Iterator[Request]:
    """Stand-ins for requests that are not known yet."""
    for one in found.examples.kept:
        if one.id not in found.rewrites:
            yield answer_request(f"{one.id} rewritten", one.prompt, config.llm)
            if config.control:
                yield answer_request(one.id, one.prompt, config.llm)
