"""Rows of one batch with parameters of their own: sampling, length, and where to stop."""

from collections.abc import Callable, Sequence
from typing import Any

from bpo_model.engines.base import PENALIZED_TOKENS, Request


def row_processors(requests: Sequence[Request], starts: Sequence[int], device: Any) -> list[Any]:
    """What the requests of a batch need, in the order in which it is applied; most batches need nothing."""
    found: list[Any] = []
    if any(request.logit_bias for request in requests):
        found.append(RowBias(requests, device))
    if any(request.frequency_penalty for request in requests):
        found.append(RowPenalty(requests, starts, device))
    if any(request.temperature > 0 for request in requests):
        found.append(RowSampler(requests, device))
    return found


class RowSampler:
    """A logits processor that makes the greedy choice of every sampled row a random one.

    Gumbel-max: the largest of logit + Gumbel noise is an exact sample of the softmax. With
    noise from a generator per row, a row's text depends on its own seed and not on its
    neighbours, and greedy rows may stand between sampled ones.
    """

    def __init__(self, requests: Sequence[Request], device: Any) -> None:
        """`requests` in the order of the rows."""
        import torch

        sampled = [(place, request) for place, request in enumerate(requests) if request.temperature > 0]
        self._rows = torch.tensor([place for place, _ in sampled], device=device, dtype=torch.long)
        # As float32 a smaller temperature may be zero; this one is greedy for all that can be seen.
        self._temperature = torch.tensor([[max(request.temperature, 1e-5)] for _, request in sampled], device=device)
        self._top_p = torch.tensor([[request.top_p] for _, request in sampled], device=device)
        self._narrow = any(request.top_p < 1 for _, request in sampled)
        seeds = [request.seed % 2**63 for _, request in sampled]
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores, noisy where a row is sampled."""
        if not self._generators:
            return scores
        rows = scores[self._rows] / self._temperature
        if self._narrow:
            rows = rows.masked_fill(_outside_top_p(rows, self._top_p), float("-inf"))
        scores[self._rows] = rows + self._noise(rows)
        return scores

    def _noise(self, like: Any) -> Any:
        """Gumbel noise, each row from its own generator."""
        import torch

        noise = torch.empty_like(like)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return -noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_()


def _outside_top_p(logits: Any, top_p: Any) -> Any:
    """True for tokens outside the smallest set that has the probability `top_p`; never for the likeliest."""
    import torch

    probabilities, order = logits.softmax(-1).sort(dim=-1, descending=True)
    outside = probabilities.cumsum(-1) - probabilities >= top_p
    outside[:, 0] = False
    return torch.zeros_like(outside).scatter(-1, order, outside)


class RowBias:
    """A logits processor that adds each row's `logit_bias`."""

    def __init__(self, requests: Sequence[Request], device: Any) -> None:
        """`requests` in the order of the rows."""
        import torch

        biased = [(place, *one) for place, request in enumerate(requests) for one in request.logit_bias]
        self._rows = torch.tensor([place for place, _, _ in biased], device=device, dtype=torch.long)
        self._tokens = torch.tensor([token for _, token, _ in biased], device=device, dtype=torch.long)
        self._bias = torch.tensor([bias for _, _, bias in biased], device=device)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores (B, V), with the bias."""
        scores[self._rows, self._tokens] += self._bias.to(scores.dtype)
        return scores


class RowPenalty:
    """A logits processor that takes each row's `frequency_penalty` for the tokens that stand there already."""

    def __init__(self, requests: Sequence[Request], starts: Sequence[int], device: Any) -> None:
        """`requests` in the order of the rows; `starts` is where each row's text begins behind its padding."""
        import torch

        self._penalty = torch.tensor([[request.frequency_penalty] for request in requests], device=device)
        self._starts = torch.tensor(starts, device=device)[:, None]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores (B, V), less what was said of late."""
        import torch

        end = input_ids.shape[1]
        places = torch.arange(max(0, end - PENALIZED_TOKENS), end, device=input_ids.device)
        taken = -self._penalty * (places >= self._starts)
        return scores.scatter_add(1, input_ids[:, places], taken.to(scores.dtype))


class RowLimits:
    """A stopping criterion: a row ends at its own `max_tokens`, and all end when cancelled."""

    def __init__(self, requests: Sequence[Request], width: int, device: Any, cancelled: Callable[[], bool]) -> None:
        """`width` is where the prompts end and the new tokens begin."""
        import torch

        self._ends = torch.tensor([width + request.max_tokens for request in requests], device=device)
        self._cancelled = cancelled

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """True for the rows that are done."""
        return self._ends <= (2**62 if self._cancelled() else input_ids.shape[1])
