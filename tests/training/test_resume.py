"""A run resumes from complete checkpoints of the same run, and from nothing else."""

from pathlib import Path

import pytest
from trl import SFTConfig

from training.config import OptimizerArguments
from training.resume import check_same_run, newest_checkpoint


def arguments(folder: Path, **values: object) -> OptimizerArguments:
    for name in ("train", "val"):
        (folder / f"{name}.jsonl").write_text(f"{name}\n", encoding="utf-8")
    return OptimizerArguments(data=folder, **values)  # type: ignore[arg-type]


def config(folder: Path, **values: object) -> SFTConfig:
    return SFTConfig(output_dir=str(folder), use_cpu=True, bf16=False, activation_checkpointing=False, **values)


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
    assert newest_checkpoint(tmp_path) is None
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text("{}", encoding="utf-8")
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")


def test_the_same_run_may_go_on(tmp_path: Path) -> None:
    args, sft = arguments(tmp_path), config(tmp_path / "out")
    check_same_run(tmp_path / "out", args, sft, "base")
    check_same_run(tmp_path / "out", args, config(tmp_path / "out", logging_steps=7), "base")


def test_changed_data_or_settings_are_refused_by_name(tmp_path: Path) -> None:
    check_same_run(tmp_path / "out", arguments(tmp_path), config(tmp_path / "out"), "base")
    with pytest.raises(ValueError, match=r"other learning_rate\. Choose another --output_dir"):
        check_same_run(tmp_path / "out", arguments(tmp_path), config(tmp_path / "out", learning_rate=1.0), "base")
    (tmp_path / "train.jsonl").write_text("changed\n", encoding="utf-8")
    with pytest.raises(ValueError, match="data_sha256"):
        check_same_run(tmp_path / "out", OptimizerArguments(data=tmp_path), config(tmp_path / "out"), "base")
