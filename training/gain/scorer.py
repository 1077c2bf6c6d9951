"""How likely answers are after prompts, under a local causal language model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicLayer

from bpo_model.base_file import file_sha256
from bpo_model.engines.torch_loading import PromptEncoder
from bpo_model.errors import GenerationError
from bpo_model.template import PLACEHOLDER, RenderedPrompt, Template
from training.base import load_base
from training.encode import serving_template
from training.write_out import embedded_base

MAX_ANSWER_TOKENS = 512
"""Longer answers are scored by their beginning."""
BATCH_TOKENS = 16_384
"""Tokens of a batch with its padding, off the CPU."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely one answer is after one prompt."""

    total: float
    """log p(answer | prompt) in nats, summed over the scored tokens."""
    tokens: int
    """How many were scored."""

    @property
    def mean(self) -> float:
        """Nats per token."""
        return self.total / self.tokens


class Scores(Protocol):
    """Anything that can tell how likely answers are after prompts."""

    name: str
    """Tells it from other scorers; part of every key in a ledger."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """The likelihood of the answer of every (prompt, answer), in order."""
        ...

    def problem(self, prompt: str, *answers: str) -> str:
        """Why these cannot be scored, by name, or ""."""
        ...


@dataclass(frozen=True, slots=True)
class _Row:
    """Tokens of a prompt as the user's turn, up to where the answer begins, and of the answer."""

    head: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """All of them."""
        return self.head + self.answer


class Scorer:
    """A language model as the scorer; in float32 a likelihood does not depend on what is scored with it."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str = "",
        *,
        batch_tokens: int | None = None,
    ) -> None:
        """Take a loaded model. `batch_tokens`: score in padded batches; None: only where that is faster.

        On a CPU it is not. 40 rows of 110 tokens, SmolLM2-135M, one thread of an AMD EPYC: 17.9 s one by one,
        17.1 to 19.8 s in padded batches of 128 to 2,048 tokens, 13.5 s with every common beginning computed once.
        """
        self.name = name or str(model.config.name_or_path)
        self._model: Any = model.eval()
        self._encoder = PromptEncoder(tokenizer)
        chat = bool(tokenizer.chat_template)
        self._template = serving_template(tokenizer, "", PLACEHOLDER) if chat else Template(f"{PLACEHOLDER}\n\n")
        self._begin = self._encoder.encode(RenderedPrompt("", "", ""))
        self._context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._walks = batch_tokens is None and model.device.type == "cpu" and _can_go_back(model)
        self._batch_tokens = batch_tokens or BATCH_TOKENS

    @classmethod
    def load(cls, name_or_path: str = "") -> "Scorer":
        """Load a GGUF file, a folder or a hub id, in float32, on a GPU if there is one; empty: the embedded base."""
        source = name_or_path or str(embedded_base())
        model, tokenizer = load_base(source)
        path = Path(source)
        name = f"{path.name} {file_sha256(path)[:16]}" if path.is_file() else source
        return cls(model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer, name)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """The likelihood of the answer of every (prompt, answer), in order; equal pairs are computed once.

        Raises:
            ValueError: If `problem` has something to say about one of them.
        """
        rows = {pair: self._row(*pair) for pair in pairs}
        unique = sorted(set(rows.values()), key=lambda row: (len(row.ids), row.ids))
        with torch.inference_mode():
            totals = self._walk(unique) if self._walks else self._in_batches(unique)
        return [Likelihood(totals[rows[pair]], len(rows[pair].answer)) for pair in pairs]

    def problem(self, prompt: str, *answers: str) -> str:
        """`special_token`, `too_long` or `no_answer`, if one of the answers cannot be scored after the prompt."""
        try:
            for answer in answers:
                self._row(prompt, answer)
        except ValueError as error:
            return str(error).partition(":")[0]
        return ""

    def _row(self, prompt: str, answer: str) -> _Row:
        """Tokens; neither prompt nor answer can bring special ones."""
        try:
            head = self._encoder.encode(self._template.render(prompt))
            tail = self._encoder.encode(RenderedPrompt("", answer.strip(), ""))[len(self._begin) :][:MAX_ANSWER_TOKENS]
        except GenerationError as error:
            raise ValueError(f"special_token: {error}") from error
        if not tail:
            raise ValueError("no_answer: an answer must have text")
        if self._context and len(head) + len(tail) > self._context:
            raise ValueError(f"too_long: {len(head)} + {len(tail)} tokens, {self.name} takes {self._context}")
        return _Row(tuple(head), tuple(tail))

    def _walk(self, rows: Sequence[_Row]) -> dict[_Row, float]:
        """One after another in the order of their tokens: what a row shares with the one before stays in the cache."""
        totals: dict[_Row, float] = {}
        cache = DynamicCache(config=self._model.config)
        before: tuple[int, ...] = ()
        for row in sorted(rows, key=lambda row: row.ids):
            shared = _shared(before, row.head[:-1])  # the head's last token predicts the answer's first
            cache.crop(shared - len(before))
            ids = torch.tensor([row.ids[shared:]], device=self._model.device)
            out = self._model(input_ids=ids, past_key_values=cache, logits_to_keep=len(row.answer) + 1)
            totals[row] = _total(out.logits[0], row, first=len(row.head) - 1)
            before = row.ids
        return totals

    def _in_batches(self, rows: Sequence[_Row]) -> dict[_Row, float]:
        """In batches, padded on the right, where a causal model does not see it."""
        totals: dict[_Row, float] = {}
        for batch in _batches(rows, self._batch_tokens):
            width = len(batch[-1].ids)
            first = min(len(row.head) for row in batch) - 1
            padded = [[*row.ids, *[0] * (width - len(row.ids))] for row in batch]
            ids = torch.tensor(padded, device=self._model.device)  # (B, W)
            out = self._model(input_ids=ids, use_cache=False, logits_to_keep=width - first)
            totals |= {row: _total(logits, row, first) for logits, row in zip(out.logits, batch, strict=True)}
        return totals


def _can_go_back(model: Any) -> bool:
    """Whether the model's cache can forget its newest tokens: recurrent and sliding ones cannot."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _shared(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(left), len(right)))


def _batches(rows: Sequence[_Row], budget: int) -> Iterator[list[_Row]]:
    """Neighbours of rows that are sorted by length, within the budget of tokens; at least one row."""
    batch: list[_Row] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row.ids) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _total(logits: Any, row: _Row, first: int) -> float:
    """Summed log probability of the answer; `logits` (T, V) are those of the row's tokens from `first` on."""
    start = len(row.head) - 1 - first  # each token predicts the next one
    answer = torch.tensor(row.answer, device=logits.device)
    losses = torch.nn.functional.cross_entropy(logits[start : start + len(answer)].float(), answer, reduction="none")
    return -float(losses.double().sum())
