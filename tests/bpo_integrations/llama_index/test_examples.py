"""The examples run as they are, and a workflow gets the transform as a resource."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.resource import Resource

from bpo_integrations.llama_index import BPOQueryTransform
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."
EXAMPLES = Path(__file__).parents[3] / "examples"


async def test_a_workflow_gets_it_as_a_resource(fake: FakeOptimizer) -> None:
    transform = BPOQueryTransform(fake)

    class Ask(Workflow):
        @step
        async def rewrite(
            self, event: StartEvent, bpo: Annotated[BPOQueryTransform, Resource(lambda: transform)]
        ) -> StopEvent:
            return StopEvent(result=(await bpo.arun(event.question)).query_str)

    assert await Ask().run(question=ASK) == REWRITE


def output(name: str) -> str:
    """What an example prints."""
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rag_example_searches_with_the_question_and_sends_its_rewrite() -> None:
    lines = output("llama_index_rag.py").splitlines()
    of: dict[str, list[str]] = {
        name: [line.removeprefix(name).strip() for line in lines if line.startswith(name)]
        for name in ("asked:", "searched:", "found:", "Query:")
    }
    assert [found[:20] for found in of["found:"]] == ["Books may be kept fo", "The library opens at"]
    assert of["searched:"] == of["asked:"]
    assert len(of["Query:"]) == 2
    assert not set(of["Query:"]) & set(of["asked:"])


def test_the_workflow_example_sends_a_rewrite() -> None:
    said = dict(line.split(":", 1) for line in output("llama_index_workflow.py").splitlines())
    assert "tomatoes" in said["sent"]
    assert said["sent"].strip() != said["asked"].strip()


@pytest.mark.parametrize("name", ["llama_index_rag.py", "llama_index_workflow.py"])
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 60
