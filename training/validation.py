"""Validation loss: nats per token of what the model writes, all else masked."""

from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.encode import encode


def completion_loss(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: list[dict[str, Any]], batch_size: int = 8
) -> dict[str, float | int]:
    """Token-weighted mean over all completions, end token included.

    The Trainer's own `eval_loss` averages batch means, which weighs short batches too
    much; a number that is compared between runs has to be exact.
    """
    model.eval()
    encoded = sorted((encode(example, tokenizer) for example in examples), key=lambda row: len(row["input_ids"]))
    total, count = 0.0, 0
    for start in range(0, len(encoded), batch_size):
        with torch.inference_mode():
            loss, tokens = _batch_loss(model, encoded[start : start + batch_size])
        total, count = total + loss, count + tokens
    return {"nats_per_token": total / count, "tokens": count, "rows": len(examples)}


def _batch_loss(model: PreTrainedModel, batch: list[dict[str, list[int]]]) -> tuple[float, int]:
    """(summed loss, number of completion tokens) of one right-padded batch."""
    width = max(len(encoded["input_ids"]) for encoded in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)  # (B, W)
    labels = torch.full((len(batch), width), -100)
    mask = torch.zeros(len(batch), width, dtype=torch.long)
    for row, encoded in enumerate(batch):
        tokens, lossy = torch.tensor(encoded["input_ids"]), torch.tensor(encoded["completion_mask"]) > 0
        ids[row, : len(tokens)] = tokens
        labels[row, : len(tokens)] = tokens.where(lossy, -100)
        mask[row, : len(tokens)] = 1
    device = model.device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()  # (B, W-1, V)
    targets = labels[:, 1:].to(device)
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    )
    return loss.item(), int((targets != -100).sum())
