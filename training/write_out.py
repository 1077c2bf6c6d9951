"""Write what a run produced: adapter, bpo.json and manifest."""

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bpo_model.base_file import file_sha256
from bpo_model.checkpoint import EMBEDDED, load_checkpoint
from bpo_model.files import write_text
from bpo_model.prefill import Prefill
from training.card import CARD, model_card
from training.config import OptimizerArguments
from training.encode import serving_template
from training.gguf_adapter import convert_adapter

AVOIDED = "legal legally legality illegal law laws danger dangers crime crimes criminal risks consequences".split()
"""What the safety pairs teach, and no harmless prompt needs."""


def embedded_base() -> Path:
    """The checked base file of the embedded default."""
    return load_checkpoint().find_files()[0]


def write_optimizer(
    out: Path,
    args: OptimizerArguments,
    settings: Mapping[str, object],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    base: str,
    *,
    command: str,
    data: dict[str, Any],
    results: dict[str, Any],
) -> dict[str, Any]:
    """Complete the folder that has the weights; the manifest comes last and vouches for the rest."""
    (out / "training_args.bin").unlink(missing_ok=True)  # a pickle, which nobody should have to load
    files = sorted(file.name for file in out.glob("*.safetensors"))
    if args.lora_r and base == str(embedded_base()):
        convert_adapter(out, model.config, out / "adapter.gguf")
        files.append("adapter.gguf")
    template = serving_template(tokenizer, args.system, args.user)
    prefill = _prefill(args, tokenizer) if args.keep_and_add else None
    if "adapter.gguf" in files:
        write_checkpoint(out, template.text, prefill)
    else:
        tokenizer.save_pretrained(out)
        write_safetensors_checkpoint(out, template.text, prefill)
    manifest = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "settings": settings,
        "template": template.text,
        "stop": [tokenizer.eos_token],
        "data": data,
        "results": results,
        "files": {name: {"size": (out / name).stat().st_size, "sha256": file_sha256(out / name)} for name in files},
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft", "gguf")},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "commit": git_commit(),
    }
    write_text(out / CARD, model_card(manifest))
    write_text(out / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return manifest


def _prefill(args: OptimizerArguments, tokenizer: PreTrainedTokenizerBase) -> Prefill:
    """How replies are started; a word of several tokens is not avoided, since its first is part of others too."""
    ids = {word: tokenizer.encode(f" {word}", add_special_tokens=False) for word in AVOIDED}
    avoided = {word: tokens[0] for word, tokens in ids.items() if len(tokens) == 1}
    return Prefill(
        end_token=tokenizer.eos_token_id,
        end_bias=args.end_bias,
        frequency_penalty=args.frequency_penalty,
        avoided=avoided,
    )


def write_checkpoint(folder: Path, template: str, prefill: Prefill | None = None) -> None:
    """Write bpo.json beside `adapter.gguf`: the folder is then what `from_pretrained` loads."""
    data = json.loads((EMBEDDED / "bpo.json").read_text(encoding="utf-8"))
    adapter = folder / "adapter.gguf"
    data["adapter"] = {"file": adapter.name, "size": adapter.stat().st_size, "sha256": file_sha256(adapter)}
    data |= {"template": template, "prefill": prefill and asdict(prefill)}
    write_text(folder / "bpo.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_safetensors_checkpoint(folder: Path, template: str, prefill: Prefill | None = None) -> None:
    """Write bpo.json for weights that stay in safetensors; the transformers engine runs them."""
    data = json.loads((EMBEDDED / "bpo.json").read_text(encoding="utf-8"))
    del data["base"], data["adapter"]
    data |= {
        "name": folder.name,
        "weights": "safetensors",
        "template": template,
        "prefill": prefill and asdict(prefill),
    }
    write_text(folder / "bpo.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def git_commit() -> str:
    """The checkout's commit, or "" outside git."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()
