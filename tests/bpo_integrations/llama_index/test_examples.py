async def test_a_workflow_gets_it_as_a_resource(fake: FakeOptimizer) -> None:
    transform = BPOQueryTransform(fake)

    class Ask(Workflow):
        @step
        async def rewrite(
            self, event: StartEvent, bpo: Annotated[BPOQueryTransform, Resource(lambda: transform)]
        ) -> StopEvent:
            return StopEvent(result=(await bpo.arun(event.question)).query_str)

    assert await Ask().run(question=ASK) == REWRITE

