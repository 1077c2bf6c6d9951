async def test_the_wrapper_for_other_engines_does_not_stall(stock: Any, slow: FakeOptimizer, stall: Any) -> None:
    engine = BPOTransformQueryEngine(stock, BPOQueryTransform(slow))
    assert await stall(engine.aquery(ASK)) < 0.15
    slow.fake.rewrite = lambda text: f"{text} Please."
    bundle = QueryBundle("tell me why")
    nodes = await engine.aretrieve(bundle)
    assert "tell me why Please." in str(await engine.asynthesize(bundle, nodes))



async def test_the_wrapper_takes_any_transform(stock: Any, stall: Any) -> None:
    class Shout(BaseQueryTransform):
        """Has no arun."""

        def _run(self, query_bundle: QueryBundle, metadata: dict[str, Any]) -> QueryBundle:
            time.sleep(0.2)
            return replace(query_bundle, query_str=query_bundle.query_str.upper())

        def _get_prompts(self) -> dict[str, Any]:
            return {}

        def _update_prompts(self, prompts: dict[str, Any]) -> None:
            pass

    engine = BPOTransformQueryEngine(stock, Shout())
    assert await stall(engine.aquery(ASK)) < 0.15



async def test_the_retriever_searches_with_the_rewrite_and_does_not_stall(
    index: VectorStoreIndex, slow: FakeOptimizer, embedding: Any, stall: Any) -> None:
    retriever = BPOTransformRetriever(
        index.as_retriever(), BPOQueryTransform(slow, target="retrieval", include_original=False)
    )
    assert await stall(retriever.aretrieve(ASK)) < 0.15
    retriever.retrieve(ASK)
    assert embedding.seen == [REWRITE, REWRITE]



def test_a_used_bundle_does_not_hide_the_rewrite(index: VectorStoreIndex, fake: FakeOptimizer, embedding: Any) -> None:
    bundle = QueryBundle(ASK)
    index.as_retriever().retrieve(bundle)  # leaves its embedding in the bundle
    transform = BPOQueryTransform(fake, target="retrieval", include_original=False)
    BPOTransformRetriever(index.as_retriever(), transform).retrieve(bundle)
    assert embedding.seen == [ASK, REWRITE]



@pytest.mark.parametrize("use_async", [False, True])
def test_fusion_searches_with_both(index: Any, fake: FakeOptimizer, embedding: Any, use_async: bool) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=fake, use_async=use_async, similarity_top_k=3)
    assert retriever.retrieve(ASK)
    assert sorted(embedding.seen) == [ASK, REWRITE]



async def test_fusion_searches_once_where_nothing_was_rewritten(index: Any, embedding: Any) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=FakeOptimizer(lambda text: text))
    await retriever.aretrieve(ASK)
    assert embedding.seen == [ASK]



async def test_fusion_does_not_stall(index: VectorStoreIndex, slow: FakeOptimizer, stall: Any) -> None:
    retriever = BPOFusionRetriever([index.as_retriever()], optimizer=slow)
    assert await stall(retriever.aretrieve(ASK)) < 0.15
    late = BPOFusionRetriever([index.as_retriever()], optimizer=slow, deadline_ms=20)
    assert await late.aretrieve("tell me why")



async def test_the_stock_classes_still_need_replacing(stock: Any, index: VectorStoreIndex, slow: FakeOptimizer, stall: Any) -> None:
    """If one of these fails, upstream has mended it, and our class may go."""
    transform = BPOQueryTransform(slow, target="both")
    assert await stall(TransformQueryEngine(stock, transform).aquery(ASK)) > 0.15
    assert await stall(TransformRetriever(index.as_retriever(), transform).aretrieve("tell me why")) > 0.15
    assert not isinstance(TransformQueryEngine(stock, transform), RetrieverQueryEngine)

