"""What all baselines share: the adapter, the check before a run, and what a run leaves behind."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peft import LoraConfig, TaskType
from transformers import PreTrainedTokenizerBase, TrainingArguments

from bpo_model.base_file import file_sha256
from bpo_model.files import write_text
from training.align.arguments import AlignArguments
from training.resume import RESULT_FIELDS, plain_value, same_run
from training.write_out import embedded_base, git_commit


def begin(args: AlignArguments, config: TrainingArguments) -> None:
    """Refuse what must not run, and what would mix two runs in one folder.

    Raises:
        ValueError: If code of a checkpoint is to be run, or --output_dir holds a run with other data or settings.
    """
    if getattr(config, "trust_remote_code", False):
        raise ValueError("--trust_remote_code runs code that comes with a checkpoint; this package never does")
    same_run(Path(config.output_dir), settings(args, config))


def base_of(args: AlignArguments) -> str:
    """The target LLM; the embedded base model if none is named."""
    return args.base or str(embedded_base())


def lora(args: AlignArguments, task: TaskType) -> LoraConfig | None:
    """The adapter, or None to train all weights."""
    if not args.lora_r:
        return None
    return LoraConfig(r=args.lora_r, lora_alpha=args.lora_alpha, target_modules="all-linear", task_type=task)


def pad(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """A token to pad with, the same for both: Llama's tokenizers have none."""
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id


def settings(args: AlignArguments, config: TrainingArguments) -> dict[str, Any]:
    """Everything that decides the weights, as plain values; files by their hash."""
    base = base_of(args)
    own = {name: plain_value(value) for name, value in asdict(args).items() if name not in ("data", "base")}
    names = (*RESULT_FIELDS, "beta", "loss_type", "num_generations", "max_completion_length", "temperature")
    trainer = {name: plain_value(getattr(config, name)) for name in names if hasattr(config, name)}
    hashed = file_sha256(Path(base)) if Path(base).is_file() else base
    return {**own, **trainer, "data_sha256": file_sha256(args.data), "base": hashed}


def finish(trainer: Any, args: AlignArguments, rows: dict[str, int], results: dict[str, Any]) -> dict[str, Any]:
    """Save weights and tokenizer; the manifest comes last and vouches for the rest."""
    out = Path(trainer.args.output_dir)
    trainer.save_model(str(out))
    files = sorted(out.glob("*.safetensors"))
    manifest = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": type(trainer).__name__,
        "settings": settings(args, trainer.args),
        "rows": rows,
        "results": {**results, "log": [entry for entry in trainer.state.log_history if "loss" in entry]},
        "files": {file.name: {"size": file.stat().st_size, "sha256": file_sha256(file)} for file in files},
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "commit": git_commit(),
    }
    write_text(out / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return manifest
