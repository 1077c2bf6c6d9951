"""The baselines: real trainers on a tiny Llama with the real tokenizer."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from training.align import ppo

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
RECIPES = Path(__file__).parents[3] / "training" / "recipes" / "align"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chosen answers that a scorer can tell: they thank, the others shout."""
    file = tmp_path_factory.mktemp("data") / "preferences.jsonl"
    rows = [
        {"prompt": f"Question {number}?", "chosen": f"Thank you, {number}.", "rejected": f"NO NO NO {number}!!!"}
        for number in range(60)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def run(method: str, base: Path, data: Path, out: Path, *flags: str) -> dict[str, Any]:
    from importlib import import_module

    import_module(f"training.align.{method}").main([
        "--config", str(RECIPES / f"{method}-cpu.yaml"), "--base", str(base), "--data", str(data),
        "--output_dir", str(out), "--held_out", "0.3", "--bf16", "false", "--logging_steps", "1", *flags,
    ])  # fmt: skip
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.fixture(scope="module")
def reward(tiny_base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("reward")
    run("reward", tiny_base, data, out, "--max_steps", "30", "--learning_rate", "1e-2")
    return out


def test_a_reward_model_learns_what_is_preferred(reward: Path) -> None:
    manifest = json.loads((reward / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["results"]["held_out"]["eval_accuracy"] > 0.9
    assert manifest["results"]["log"][0]["loss"] == pytest.approx(math.log(2), abs=0.1)
    assert set(manifest["rows"]) == {"train", "held_out"}
    assert manifest["files"]["adapter_model.safetensors"]["size"] > 0


def test_dpo_starts_at_ln_2_and_goes_down(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    manifest = run("dpo", tiny_base, data, tmp_path, "--max_steps", "12", "--learning_rate", "1e-2")
    losses = [entry["loss"] for entry in manifest["results"]["log"]]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses[-1] < 0.5
    assert manifest["results"]["held_out"]["eval_rewards/accuracies"] > 0.9


@pytest.mark.heavy
def test_rloo_raises_the_reward(tiny_base: Path, data: Path, reward: Path, tmp_path: Path) -> None:
    manifest = run(
        "rloo", tiny_base, data, tmp_path, "--reward", str(reward), "--max_steps", "3", "--max_completion_length", "4"
    )
    assert len(manifest["results"]["rewards"]) == 3
    assert manifest["method"] == "RLOOTrainer"


def test_a_folder_of_another_run_is_refused(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    run("dpo", tiny_base, data, tmp_path, "--max_steps", "1")
    with pytest.raises(ValueError, match="other beta"):
        run("dpo", tiny_base, data, tmp_path, "--max_steps", "1", "--beta", "0.2")


def test_no_code_of_a_checkpoint_runs(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never does"):
        run("dpo", tiny_base, data, tmp_path, "--trust_remote_code", "true")


def test_a_reward_model_that_is_none_is_named(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no reward model"):
        run("rloo", tiny_base, data, tmp_path / "out", "--reward", str(tmp_path))


@pytest.mark.skipif(ppo.available(), reason="this TRL has PPO")
def test_without_ppo_the_exit_code_is_2_and_rloo_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert ppo.main([]) == 2
    assert "training.align.rloo" in capsys.readouterr().err


@pytest.mark.skipif(not ppo.available(), reason="PPO needs TRL 1.12.0: make test-ppo")
def test_ppo_finishes(tiny_base: Path, data: Path, reward: Path, tmp_path: Path) -> None:
    manifest = run("ppo", tiny_base, data, tmp_path, "--reward", str(reward), "--total_episodes", "4")
    assert manifest["method"] == "PPOTrainer"
    assert manifest["results"]["rewards"]
