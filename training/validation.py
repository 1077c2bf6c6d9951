"""Validation loss: nats per token of the optimized prompts, all else masked."""

from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase


def completion_loss(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: list[dict[str, Any]], batch_size: int = 8
) -> dict[str, float | int]:
    """Token-weighted mean over all completions, end token included.

    The Trainer's own `eval_loss` averages batch means, which weighs short batches too
    much; a number that is compared between runs has to be exact.
    """
    model.eval()
    encoded = sorted((_encode(example, tokenizer) for example in examples), key=lambda ids: len(ids[0]))
    total, count = 0.0, 0
    for start in range(0, len(encoded), batch_size):
        with torch.inference_mode():
            loss, tokens = _batch_loss(model, encoded[start : start + batch_size])
        total, count = total + loss, count + tokens
    return {"nats_per_token": total / count, "tokens": count, "rows": len(examples)}


def _encode(example: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], int]:
    """(ids of the whole conversation, number of prompt tokens that carry no loss)."""
    prompt = tokenizer.apply_chat_template(
        example["prompt"], tokenize=True, add_generation_prompt=True, return_dict=False
    )
    whole = tokenizer.apply_chat_template(
        [*example["prompt"], *example["completion"]], tokenize=True, return_dict=False
    )
    return list(whole), len(prompt)


def _batch_loss(model: PreTrainedModel, batch: list[tuple[list[int], int]]) -> tuple[float, int]:
    """(summed loss, number of completion tokens) of one right-padded batch."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)  # (B, W)
    labels = torch.full((len(batch), width), -100)
    mask = torch.zeros(len(batch), width, dtype=torch.long)
    for row, (tokens, prompt_length) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, prompt_length : len(tokens)] = torch.tensor(tokens[prompt_length:])
        mask[row, : len(tokens)] = 1
    device = model.device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()  # (B, W-1, V)
    targets = labels[:, 1:].to(device)
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    )
    return loss.item(), int((targets != -100).sum())
