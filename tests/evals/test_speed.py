"""The speed comparison: its arithmetic, and whole runs on the real engines with few prompts."""

import json
from pathlib import Path

import pytest

from evals.speed import gpu
from evals.speed.__main__ import FILLER, main, with_long_context
from evals.speed.report import to_markdown
from evals.speed.roofline import memory_bandwidth, roofline
from evals.speed.rounds import Series, overhead, quantile, ratio
from evals.speed.systems import SYSTEMS


def series(name: str, *rounds: list[float]) -> Series:
    """Latencies in seconds, one after another; ten tokens a prompt."""
    done = Series(name, "short", 1)
    for latencies in rounds:
        done.rounds.append(
            {
                "seconds": sum(latencies),
                "latencies": latencies,
                "tokens": 10 * len(latencies),
                "peak_rss_mb": 100 + len(latencies),
            }
        )
    return done


def test_a_summary_takes_medians_over_rounds_and_quantiles_over_prompts() -> None:
    row = series("x", [0.1, 0.1], [0.2, 0.2], [0.4, 0.4]).summary()
    assert (row["prompts_per_s"], row["prompts_per_s_range"]) == (5.0, [2.5, 10.0])
    assert (row["p50_ms"], row["p99_ms"], row["n"]) == (200.0, 400.0, 6)
    assert (row["tokens_per_s"], row["tokens_per_prompt"], row["peak_rss_mb"]) == (50.0, 10.0, 102)


def test_ratios_are_taken_round_by_round() -> None:
    fast, slow = series("a", [0.1], [0.4]), series("b", [0.2], [1.6])
    assert ratio("a / b", fast, slow) | {} == {
        "ratio": "a / b",
        "prompts": "short",
        "median": 3.0,
        "range": [2.0, 4.0],
        "rounds": 2,
    }


def test_overhead_is_paired_prompt_by_prompt() -> None:
    added = overhead(series("ours", [0.11, 0.22, 0.30]), series("bare", [0.10, 0.20, 0.30]))
    assert (added["median_ms"], added["median_share"], added["n"]) == (10.0, 0.1, 3)


def test_quantiles_are_values_that_were_measured() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], q) for q in (0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_the_roofline_is_bandwidth_over_bytes() -> None:
    assert roofline(100, 5000.0) == 50.0
    assert memory_bandwidth(1, seconds=0.05) > 1e8


def test_long_context_keeps_the_first_line_and_adds_words() -> None:
    (prompt,) = with_long_context(["write a poem\nabout tea"])
    assert prompt.startswith("write a poem\n\nContext:\n" + FILLER)
    assert 380 < len(prompt.split()) < 480


@pytest.mark.heavy
def test_a_whole_run_writes_json_markdown_and_plot(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    lines = [json.dumps({"prompt": f"tell me about {topic}"}) for topic in ("tea", "rivers", "chess")]
    prompts.write_text("\n".join(lines), encoding="utf-8")
    systems = ["bare llama.cpp", "ours: llama_cpp", "ours: openai over loopback"]
    flags = ["--limit", "3", "--rounds", "2", "--concurrency", "1", "2", "--systems", *systems]
    assert main([str(prompts), "--out", str(tmp_path / "out"), *flags]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    rows = {(row["system"], row["prompts"], row["concurrency"]): row for row in report["systems"]}
    assert set(rows) == {(s, "short", c) for s in systems for c in (1, 2)} | {(s, "long context", 1) for s in systems}
    tokens = {row["tokens_per_prompt"] for key, row in rows.items() if key[1:] == ("short", 1)}
    assert len(tokens) == 1  # the same weights and limits: the same work
    assert report["overheads"][0]["n"] == 6
    assert "| ours: llama_cpp: 2 at once / 1 | short |" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "report.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert to_markdown(report | {"overheads": []}).count("(none)") == 1


@pytest.mark.heavy
def test_every_system_does_its_work() -> None:
    for name, make in SYSTEMS.items():
        assert make(None)("tell me about the history of tea") > 3, name


@pytest.mark.heavy
def test_the_gpu_script_runs_on_a_tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "TRAINING", ["--lora_r", "4", "--max_steps", "2", "--per_device_train_batch_size", "2"])
    assert gpu.main(["--out", str(tmp_path), "--size", "tiny", "--batch", "4", "--rounds", "1"]) == 0
    report = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert report["weights"] == "random"
    assert report["bytes_per_token"] == 4 * report["parameters"]  # float32 on CPU
    assert min(report["training_tokens_per_s"], report["mfu"], *report["single_tokens_per_s"]) > 0
    assert report["batch_over_reference"][0] == report["batch_tokens_per_s"][0] / report["reference_tokens_per_s"][0]
    assert json.loads((tmp_path / "sft" / "bpo.json").read_text(encoding="utf-8"))["weights"] == "safetensors"
