"""The command with real models: the embedded base model on loopback answers and judges."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xllamacpp
from typer.testing import CliRunner

from bpo_model.checkpoint import load_checkpoint
from bpo_model.cli import app

PROMPTS = ("how do volcanoes work", "hello")
"""The second one is small talk and left alone."""
ANY = r'root ::= "[[A]]" | "[[B]]" | "[[C]]"'
"""llama.cpp holds the judge to a verdict; what it says is its own."""
TIE = r'root ::= "[[C]]"'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_parallel, parameters.n_ctx, parameters.verbosity = 1, 4096, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_prompt, parameters.cache_ram_mib, parameters.warmup = False, 0, False
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def proved(url: str, folder: Path, grammar: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, result.json, and what was said."""
    file = folder / "prompts.txt"
    file.write_text("\n".join(PROMPTS), encoding="utf-8")
    done = CliRunner().invoke(app, [
        "prove", str(file), "--out", str(folder / "run"), "--concurrency", "1", "--yes",
        "--target-url", url, "--target-model", "base", "--target-price", "0", "0",
        "--target-params", '{"max_tokens": 32}', "--judge-url", url, "--judge-model", "base",
        "--judge-price", "0", "0", "--judge-params", json.dumps({"max_tokens": 8, "grammar": grammar}),
    ])  # fmt: skip
    result = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))
    return done.exit_code, result, done.output


def test_real_models_answer_and_judge_and_the_answers_serve_another_judge(url: str, tmp_path: Path) -> None:
    code, found, said = proved(url, tmp_path, ANY)
    changed = len(PROMPTS) - found["counts"]["unchanged"]
    assert changed == 1
    assert found["calls"]["answers"] == 2 * changed
    assert found["judge"]["invalid"] == found["judge"]["errors"] == 0
    assert found["calls"]["usd"] == 0
    assert found["added"]["rewriting_n"] == len(PROMPTS)
    assert found["added"]["tokens_in"]["mean"] > 0
    assert f"At most {2 * changed} to the target base" in said
    assert (code, found["verdict"]) == (5, "need more")
    answers = (tmp_path / "run" / "calls" / "responses.jsonl").read_bytes()
    code, found, said = proved(url, tmp_path, TIE)
    assert (code, found["verdict"], found["counts"]["tied"]) == (5, "need more", changed)
    assert f"At most 0 to the target base and {2 * changed} to the judge" in said
    assert (tmp_path / "run" / "calls" / "responses.jsonl").read_bytes() == answers
    assert "<!doctype html>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
