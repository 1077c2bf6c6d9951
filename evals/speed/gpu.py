"""python -m evals.speed.gpu --out FOLDER: the transformers engine and training.sft on this machine's GPU.

Random weights in the architecture of Llama-2-7B: they are as fast as trained ones, and
nothing has to be downloaded. Also runs on CPU with --size tiny, which tests the logic.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bpo_model import PromptOptimizer, SamplingConfig, Transformers
from bpo_model.engines.base import Request
from bpo_model.engines.torch_loading import load
from bpo_model.files import write_text
from evals.speed.random_model import SIZES, WORDS, write_model, write_pairs

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
REFERENCE_DTYPE: Any = "float16" if DEVICE == "cuda" else "float32"
TOKENS = 64
"""Written for every prompt; random weights do not know when to stop."""
TRAINING = ["--lora_r", "16", "--max_steps", "20", "--per_device_train_batch_size", "8", "--warmup_steps", "2"]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write gpu.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="llama-2-7b")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    folder = args.out / f"random-{args.size}"
    parameters = write_model(folder, args.size)
    report = {"device": device_name(), "size": args.size, "parameters": parameters, "weights": "random"}
    report |= measure_engine(folder, args.batch, args.rounds)
    report |= measure_training(folder, args.out, parameters)
    write_text(args.out / "gpu.json", json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))  # noqa: T201
    return 0


def device_name() -> str:
    """The GPU's name, or that there is none."""
    return torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu (this run tests the script, not a GPU)"


def measure_engine(folder: Path, batch: int, rounds: int) -> dict[str, Any]:
    """One stream against the roofline, and a batch against the procedure of the paper's release."""
    settings = Transformers(device=DEVICE)
    optimizer = PromptOptimizer.from_pretrained(folder, engine=settings, mode=SamplingConfig(retries=0), cache="off")
    engine: Any = optimizer.engine
    requests = [_request(optimizer, number) for number in range(batch)]
    engine.generate(requests[:2])
    model, tokenizer = load(optimizer.checkpoint, Transformers(device=DEVICE, dtype=REFERENCE_DTYPE))
    single, many, reference = [], [], []
    for number in range(rounds):
        single.append(_rate(lambda start=number: engine.generate([requests[start % batch]])))
        many.append(_rate(lambda: engine.generate(requests)))
        reference.append(_rate(lambda start=number: _reference(model, tokenizer, str(requests[start % batch].prompt))))
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    most = bandwidth() / size
    return {
        "bytes_per_token": size,
        "roofline_tokens_per_s": most,
        "single_tokens_per_s": single,
        "single_share_of_roofline": statistics.median(single) / most,
        "batch": batch,
        "batch_tokens_per_s": many,
        "reference_tokens_per_s": reference,
        "batch_over_reference": [above / below for above, below in zip(many, reference, strict=True)],
    }


def _request(optimizer: PromptOptimizer, number: int) -> Request:
    """A request that no other equals."""
    words = [WORDS[(number * 7 + offset * 3) % len(WORDS)] for offset in range(20)]
    return Request(optimizer.checkpoint.template.render(" ".join([str(number), *words])), TOKENS)


def _rate(run: Any) -> float:
    """Tokens per second of a run that returns candidates or a count."""
    started = time.perf_counter()
    result = run()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    tokens = result if isinstance(result, int) else sum(candidate.completion_tokens for candidate in result)
    return float(tokens / (time.perf_counter() - started))


def _reference(model: Any, tokenizer: Any, text: str) -> int:
    """`generate` on one prompt, as the paper's release does it."""
    ids = tokenizer(text, return_tensors="pt").to(model.device)
    ids.pop("token_type_ids", None)
    with torch.inference_mode():
        out = model.generate(**ids, max_new_tokens=TOKENS, do_sample=False)
    return int(out.shape[1] - ids["input_ids"].shape[1])


def bandwidth(seconds: float = 1.0) -> float:
    """Bytes per second that the device reads from its memory; the best of several sums."""
    data = torch.ones((2 if DEVICE == "cuda" else 1) * 2**27, dtype=torch.float32, device=DEVICE)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        data.sum().item()
        best = max(best, data.numel() * data.element_size() / (time.perf_counter() - started))
    return best


def matmul_peak(seconds: float = 1.0) -> float:
    """Multiply-add operations per second, counted as two each, of a large bf16 product; the best of several."""
    side = 8192 if DEVICE == "cuda" else 512
    left = torch.randn(side, side, device=DEVICE, dtype=torch.bfloat16)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        (left @ left)[0, 0].item()
        best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def measure_training(folder: Path, out: Path, parameters: int) -> dict[str, Any]:
    """Tokens per second and model FLOPs utilization of training.sft, which runs as its own process.

    A LoRA step computes 4 operations a parameter and token (forward, and backward to the
    activations; the base weights get no gradient). MFU is over the measured matmul peak.
    """
    data, run = out / "pairs", out / "sft"
    write_pairs(data)
    command = [sys.executable, "-m", "training.sft", "--base", str(folder), "--data", str(data)]
    command += ["--output_dir", str(run), *TRAINING, "--include_num_input_tokens_seen", "true"]
    command += ["--bf16", "true"] if DEVICE == "cuda" else ["--use_cpu", "true", "--bf16", "false"]
    command += ["--report_to", "none", "--activation_checkpointing", "false"]
    subprocess.run(command, check=True)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["results"]
    rate = manifest["train_tokens"] / manifest["train_seconds"]
    peak = matmul_peak()
    return {"training_tokens_per_s": rate, "matmul_peak_flops": peak, "mfu": 4 * parameters * rate / peak}


if __name__ == "__main__":
    sys.exit(main())
