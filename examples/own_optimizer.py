"""Your own data to your own optimizer: what users keep becomes training pairs, and the pairs a new adapter.

From a checkout, after `make test` has set up .venv:

    .venv/bin/python examples/own_optimizer.py            # the embedded model, a few minutes on a CPU
    .venv/bin/python examples/own_optimizer.py --steps 2  # only to see the steps

The users are made up: they accept what adds at most five words, and shorten the rest. A real file has some hundreds
of rows: `bpo ui --feedback FILE` writes it, and so does `record` in an application of yours.
"""

import argparse
import json
import tempfile
from pathlib import Path

from bpo_model import PromptOptimizer
from bpo_model.feedback import record
from training.feedback import main as export
from training.sft import main as train

ROOT = Path(__file__).resolve().parents[1]
SUBJECTS = ("bees", "tea", "chess", "rivers", "bread", "volcanoes", "jazz", "glass", "sleep", "kites", "salt", "maps")
PROMPTS = [f"{verb} {subject}" for subject in SUBJECTS for verb in ("tell me about", "explain", "facts about")]


def main() -> None:
    """Collect, export, train, try."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", default="30")
    parser.add_argument("--base", default="", help="a folder with other base weights; empty: the embedded ones")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        learn(Path(folder), args.steps, args.base)


def learn(folder: Path, steps: str, base: str) -> None:
    """All files go into `folder`."""
    optimizer = PromptOptimizer.from_pretrained()
    for result in optimizer.optimize_batch(PROMPTS, rewrite="always"):
        short = f"{result.original[0].upper()}{result.original[1:]} in three sentences."
        added = len(result.text.split()) - len(result.original.split())
        verdict, edited = ("accepted", None) if added <= 5 else ("edited", short)
        record(result, verdict, file=folder / "feedback.jsonl", edited=edited, identity=optimizer.checkpoint.identity)
    export([str(folder / "feedback.jsonl"), "--out", str(folder / "data")])
    settings = ["--config", str(ROOT / "training/recipes/lora-cpu.yaml"), "--base", base, "--max_steps", steps]
    train([*settings, "--data", str(folder / "data"), "--output_dir", str(folder / "run")])
    results = json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))["results"]
    losses = [results[f"val_loss_{when}"]["nats_per_token"] for when in ("before", "after")]
    print("validation loss: {:.3f} before, {:.3f} after, nats per token".format(*losses))
    if not base:  # other weights need a GGUF file beside the adapter: training/README.md
        mine = PromptOptimizer.from_pretrained(str(folder / "run"))
        print("before:", optimizer.optimize("tell me about owls"))
        print("after: ", mine.optimize("tell me about owls"))


if __name__ == "__main__":
    main()
