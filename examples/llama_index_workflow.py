"""BPO in a LlamaIndex workflow: the transform is a resource, so that events stay small and serializable.

pip install "bpo-model[llama-index]"
python examples/llama_index_workflow.py
"""

import asyncio
from typing import Annotated

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent
from workflows.resource import Resource

from bpo_integrations.llama_index import BPOQueryTransform


def transform() -> BPOQueryTransform:
    """One for all steps; the weights are loaded with the first query."""
    return BPOQueryTransform(deadline_ms=2000)


class Rewritten(Event):
    question: str


class Answer(Workflow):
    @step
    async def rewrite(self, event: StartEvent, bpo: Annotated[BPOQueryTransform, Resource(transform)]) -> Rewritten:
        return Rewritten(question=(await bpo.arun(event.question)).query_str)

    @step
    async def ask(self, event: Rewritten) -> StopEvent:
        return StopEvent(result=event.question)  # yours: ask the LLM


async def main() -> None:
    question = "how do i grow tomatoes on a balcony"
    print("asked:   ", question)
    print("sent:    ", await Answer().run(question=question))


asyncio.run(main())
