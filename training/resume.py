"""Resume safely: only from a complete checkpoint, only for the same run."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from trl import SFTConfig

from bpo_model.base_file import file_sha256
from bpo_model.files import write_text
from training.config import OptimizerArguments

RESULT_FIELDS = (
    "learning_rate", "num_train_epochs", "max_steps", "warmup_steps", "lr_scheduler_type", "weight_decay",
    "per_device_train_batch_size", "gradient_accumulation_steps", "max_length", "bf16", "fp16", "seed", "optim",
    "train_sampling_strategy",
)  # fmt: skip
"""The trainer's settings that change the weights; logging and saving ones may differ."""


def newest_checkpoint(out: Path) -> str | None:
    """The newest checkpoint folder that was written to its end, or None.

    trainer_state.json is the last file that the Trainer writes, so a folder without it
    was cut off; the Trainer itself would take it and fail, or start from torn weights.
    """
    found = [path for path in out.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(found, key=lambda path: int(path.name.rpartition("-")[2]))) if found else None


def check_same_run(out: Path, args: OptimizerArguments, sft: SFTConfig, base: str) -> None:
    """Record what decides the weights; refuse to go on with something else in its folder.

    Raises:
        ValueError: If --output_dir holds a run with other data or settings.
    """
    same_run(out, run_settings(args, sft, base))


def same_run(out: Path, now: Mapping[str, object]) -> None:
    """Record the settings of a run in its folder, or compare with those that are there.

    Raises:
        ValueError: If the folder holds a run with others, naming them.
    """
    out.mkdir(parents=True, exist_ok=True)
    file, now = out / "run.json", json.loads(json.dumps(now))
    if not file.is_file():
        write_text(file, json.dumps(now, indent=2))
        return
    then = json.loads(file.read_text(encoding="utf-8"))
    changed = sorted(key for key in now if then.get(key) != now[key])
    if changed:
        raise ValueError(
            f"{out} holds a run with other {', '.join(changed)}. Choose another --output_dir, or delete this one."
        )


def run_settings(args: OptimizerArguments, sft: SFTConfig, base: str) -> dict[str, object]:
    """Everything that decides the weights, as plain values; files by their hash."""
    settings = {key: value for key, value in asdict(args).items() if key not in ("data", "more_data", "base")}
    files = [args.data / "train.jsonl", args.data / "val.jsonl", *args.more_data]
    hashes = {file.name: file_sha256(file) for file in files}
    trainer = {key: plain_value(getattr(sft, key)) for key in RESULT_FIELDS}
    base_hash = file_sha256(Path(base)) if Path(base).is_file() else base
    return {**settings, **trainer, "data_sha256": hashes, "base": base_hash}


def plain_value(value: object) -> object:
    """JSON-ready value; enums by their value."""
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    if isinstance(value, (int, float, str, bool, type(None))) and not hasattr(value, "value"):
        return value
    return str(getattr(value, "value", value))
