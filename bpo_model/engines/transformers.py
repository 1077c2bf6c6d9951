"""The `transformers` engine: any causal language model in torch, in padded batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bpo_model.engines.base import CANCELLED, Candidate, Generated, Request, never
from bpo_model.engines.settings import Transformers
from bpo_model.engines.torch_loading import PromptEncoder, load
from bpo_model.engines.torch_sampling import RowLimits, row_processors
from bpo_model.errors import GenerationError

if TYPE_CHECKING:
    from bpo_model.checkpoint import Checkpoint

LOOKUP_TOKENS = 10
"""How far prompt lookup guesses. The embedded model on 2 CPU cores, 12 prompts one after another:
14 s without, 7 s with 10, as with 5; the texts are equal."""
CPU_BATCH_TOKENS = 4096
"""On a CPU padding costs time. 32 prompts on 2 cores: 13 s in one batch, 8 s in four, 14 s in a dozen."""


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A request that is ready to run."""

    place: int
    request: Request
    ids: list[int]


class TransformersEngine:
    """One model on one device; a worker's thread owns it and calls `generate`."""

    name = "transformers"
    slots = 1
    batch = 256

    def __init__(self, checkpoint: "Checkpoint", settings: Transformers) -> None:
        """Load the weights.

        Raises:
            ModelLoadError: If they cannot be had, or cannot run as the settings say.
            MissingDependencyError: If a library is not installed.
        """
        self._model, self._tokenizer = load(checkpoint, settings)
        self._encoder = PromptEncoder(self._tokenizer)
        self._compile = settings.compile
        on_cpu = self._model.device.type == "cpu"
        self._budget = min(settings.batch_tokens, CPU_BATCH_TOKENS) if on_cpu else settings.batch_tokens
        self._context = _context(self._model.config) or checkpoint.context_tokens
        self._eos = _end_tokens(self._model, self._tokenizer)
        self._pad = next((pad for pad in (self._tokenizer.pad_token_id, *self._eos) if pad is not None), 0)
        # generate() fills gaps from here, and checkpoints bring sampling and penalties of their own.
        self._model.generation_config = self._generation_config()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """Generate in batches of similar length; in float32 a row's text does not depend on its batch."""
        results: list[Generated] = [CANCELLED] * len(requests)
        rows: list[_Row] = []
        for place, request in enumerate(requests):
            try:
                rows.append(_Row(place, request, self._encode(request)))
            except Exception as error:  # noqa: BLE001  # whatever the tokenizer raises concerns this item only
                results[place] = _as_error(error)
        rows.sort(key=lambda row: len(row.ids))
        while rows and not cancelled():
            batch = rows[: self._fitting(rows)]
            made = self._attempt(batch, cancelled)
            if made is not None:
                rows = rows[len(batch) :]
                for row, result in zip(batch, made, strict=True):
                    results[row.place] = result
        return results

    def _encode(self, request: Request) -> list[int]:
        """The prompt's tokens, none cut off."""
        ids = self._encoder.encode(request.prompt)
        if not ids or request.max_tokens < 1:
            raise GenerationError(f"nothing to do: {len(ids)} prompt tokens, max_tokens={request.max_tokens}")
        if len(ids) + request.max_tokens > self._context:
            raise GenerationError(
                f"the prompt's {len(ids)} tokens and max_tokens={request.max_tokens} exceed "
                f"the model's context of {self._context} tokens; shorten the prompt"
            )
        return ids

    def _fitting(self, rows: Sequence[_Row]) -> int:
        """How many of the first rows make a batch within the budget; at least one."""
        for count in range(2, len(rows) + 1):
            if _cost(rows[:count]) > self._budget:
                return count - 1
        return len(rows)

    def _attempt(self, batch: Sequence[_Row], cancelled: Callable[[], bool]) -> list[Generated] | None:
        """The batch's results; None if it must be made smaller, because memory ran out."""
        try:
            return self._run(batch, cancelled)
        except Exception as error:  # noqa: BLE001  # whatever torch raises is the result of these items
            if not _out_of_memory(error):
                return [_as_error(error)] * len(batch)
        # Not inside `except`: there the traceback still holds the tensors.
        self._release_memory()
        if len(batch) == 1:
            size = f"{len(batch[0].ids)} prompt tokens and max_tokens={batch[0].request.max_tokens}"
            return [GenerationError(f"out of memory on {self._model.device} with {size}; shorten the prompt")]
        self._budget = max(1, _cost(batch) // 2)
        return None

    def _run(self, batch: Sequence[_Row], cancelled: Callable[[], bool]) -> list[Generated]:
        """Generate one batch."""
        from transformers import LogitsProcessorList, StoppingCriteriaList

        ids, mask = self._padded(batch)
        requests = [row.request for row in batch]
        sampled = any(request.temperature > 0 for request in requests)
        starts = [ids.shape[1] - len(row.ids) for row in batch]
        limits = RowLimits(requests, ids.shape[1], ids.device, cancelled)
        out = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=self._generation_config(
                max_new_tokens=max(request.max_tokens for request in requests),
                **self._speedup(alone=len(batch) == 1 and not sampled),
            ),
            logits_processor=LogitsProcessorList(row_processors(requests, starts, ids.device)),
            stopping_criteria=StoppingCriteriaList([limits]),
        )
        new = out[:, ids.shape[1] :].tolist()
        return [self._candidate(row, tokens) for row, tokens in zip(batch, new, strict=True)]

    def _speedup(self, *, alone: bool) -> dict[str, Any]:
        """Options that change the speed and not the text.

        Prompt lookup guesses that the rewrite goes on as the prompt does, and checks several
        tokens in one step; transformers has it for a batch of one greedy row, whose cache can go back.
        """
        if self._compile:
            return {"cache_implementation": "static"}
        return {"prompt_lookup_num_tokens": LOOKUP_TOKENS} if alone and not self._model._is_stateful else {}

    def _generation_config(self, **options: Any) -> Any:
        """Nothing of what the checkpoint's own generation_config.json says but where to end."""
        from transformers import GenerationConfig

        return GenerationConfig(do_sample=False, eos_token_id=self._eos or None, pad_token_id=self._pad, **options)

    def _padded(self, batch: Sequence[_Row]) -> tuple[Any, Any]:
        """Token ids and attention mask, padded on the left."""
        import torch

        width = max(len(row.ids) for row in batch)
        ids = [[self._pad] * (width - len(row.ids)) + row.ids for row in batch]
        mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in batch]
        return torch.tensor(ids, device=self._model.device), torch.tensor(mask, device=self._model.device)

    def _candidate(self, row: _Row, new: list[int]) -> Candidate:
        """Cut by token position: at the row's own limit, then at the first end token."""
        new = new[: row.request.max_tokens]
        end = next((place for place, token in enumerate(new) if token in self._eos), None)
        finish: Literal["stop", "length", "cancelled"] = "stop"
        if end is None:
            finish = "length" if len(new) == row.request.max_tokens else "cancelled"
        written = new[:end]
        text = self._tokenizer.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Candidate(row.request.prompt.reply + text, len(row.ids), len(written), finish)

    def _release_memory(self) -> None:
        """Give cached blocks back, so that a smaller batch finds them in one piece."""
        import torch

        kind = self._model.device.type
        if kind in ("cuda", "mps"):
            getattr(torch, kind).empty_cache()


def _cost(rows: Sequence[_Row]) -> int:
    """Tokens of a batch with its padding."""
    return len(rows) * (max(len(row.ids) for row in rows) + max(row.request.max_tokens for row in rows))


def _context(config: Any) -> int | None:
    """Most tokens that the model takes, if it says so."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """All tokens that end a text; checkpoints name them in two places that may differ."""
    eos = model.generation_config.eos_token_id
    named = [*(eos if isinstance(eos, list) else [eos]), tokenizer.eos_token_id]
    return sorted({token for token in named if token is not None})


def _out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may succeed; only CUDA has a type of its own for it."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def _as_error(error: Exception) -> GenerationError:
    """The exception as the result of an item."""
    if isinstance(error, GenerationError):
        return error
    return GenerationError(f"transformers failed: {type(error).__name__}: {error}"[:500])
