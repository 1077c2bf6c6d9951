"""What is remembered, under which key, and what is never kept."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpo_model import LlamaCpp, PromptOptimizer
from bpo_model.cache import Cache, MemoryStore, ModelCache, NoCache, Store
from bpo_model.disk_store import DiskStore
from bpo_model.engines.base import Candidate, Request
from bpo_model.stores import model_cache
from bpo_model.template import RenderedPrompt
from bpo_model.testing import FakeEngine

ASKED = Request(RenderedPrompt("<a>", "tell me about tea", "<b>"), 20, 0.5, 0.9, 1)
WRITTEN = Candidate("Tell me about the history of tea.", 30, 8)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(entries=100)
    else:
        yield DiskStore(tmp_path / "cache" / "c.sqlite3", entries=100)


def test_a_candidate_comes_back_without_token_counts(store: Store) -> None:
    cache = ModelCache(store, "model")
    assert cache.get(ASKED) is None
    cache.put(ASKED, WRITTEN)
    assert cache.get(ASKED) == Candidate(WRITTEN.text, 0, 0, "stop")


@pytest.mark.parametrize(
    "other",
    [
        Request(RenderedPrompt("<a>", "tell me about tea ", "<b>"), 20, 0.5, 0.9, 1),
        Request(RenderedPrompt("<a>t", "ell me about tea", "<b>"), 20, 0.5, 0.9, 1),
        Request(RenderedPrompt("<a>", "tell me about tea", "<c>"), 20, 0.5, 0.9, 1),
        Request(RenderedPrompt("<a>", "tell me about tea", "<b>", "tell"), 20, 0.5, 0.9, 1),
        Request(RenderedPrompt("<a>", "tell me about tea", "<b>"), 20, 0.5, 0.9, 1, ((2, -1.0),)),
        Request(RenderedPrompt("<a>", "tell me about tea", "<b>"), 20, 0.5, 0.9, 1, (), 0.5),
        Request(ASKED.prompt, 21, 0.5, 0.9, 1),
        Request(ASKED.prompt, 20, 0.6, 0.9, 1),
        Request(ASKED.prompt, 20, 0.5, 0.8, 1),
        Request(ASKED.prompt, 20, 0.5, 0.9, 2),
    ],
)
def test_everything_that_determines_a_candidate_is_in_the_key(store: Store, other: Request) -> None:
    cache = ModelCache(store, "model")
    cache.put(ASKED, WRITTEN)
    assert cache.get(other) is None


def test_models_do_not_share_candidates(store: Store) -> None:
    ModelCache(store, "one").put(ASKED, WRITTEN)
    assert ModelCache(store, "two").get(ASKED) is None


def test_a_candidate_that_ran_into_its_limit_stays_one(store: Store) -> None:
    cache = ModelCache(store, "model")
    cache.put(ASKED, Candidate("Tell me", 30, 2, "length"))
    assert cache.get(ASKED) == Candidate("Tell me", 0, 0, "length")


def test_a_cancelled_candidate_is_not_kept(store: Store) -> None:
    cache = ModelCache(store, "model")
    cache.put(ASKED, Candidate("Tell", 30, 1, "cancelled"))
    assert cache.get(ASKED) is None


def test_text_that_utf_8_cannot_hold_does_not_disturb(store: Store) -> None:
    cache = ModelCache(store, "model")
    odd = Request(RenderedPrompt("", "lone \ud800", ""), 8)
    cache.put(odd, WRITTEN)
    assert cache.get(odd) == Candidate(WRITTEN.text, 0, 0)


@pytest.mark.parametrize(
    "secret",
    [
        "Call the API with sk-proj-abcdefghijklmnop1234.",
        "Use ghp_0123456789abcdefghijABCDEFGHIJ012345 to log in.",
        "My key is AKIAIOSFODNN7EXAMPLE, what can it do?",
        "Log in with password: correct-horse and list the tables.",
        "Explain this token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig",
        "-----BEGIN PRIVATE KEY-----",
        "Decode 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b please.",
    ],
)
def test_what_looks_like_a_key_is_not_kept(store: Store, secret: str) -> None:
    cache = ModelCache(store, "model")
    cache.put(ASKED, Candidate(secret, 1, 1))
    assert cache.get(ASKED) is None


@pytest.mark.parametrize("text", ["What does a token cost?", "Explain password hashing.", "internationalization " * 3])
def test_ordinary_text_about_keys_is_kept(store: Store, text: str) -> None:
    cache = ModelCache(store, "model")
    cache.put(ASKED, Candidate(text, 1, 1))
    assert cache.get(ASKED) is not None


def key(number: int) -> bytes:
    return number.to_bytes(32)


def test_memory_forgets_what_was_used_least_recently() -> None:
    store = MemoryStore(entries=3)
    for number in range(3):
        store.write(key(number), str(number), "stop")
    assert store.read(key(0))
    store.write(key(3), "3", "stop")
    assert [store.read(key(number)) is None for number in range(4)] == [False, True, False, False]
    assert len(store) == 3


def test_the_file_stays_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "c.sqlite3", entries=50)
    for number in range(1024):
        store.write(key(number), "text", "stop")
    assert len(store) == 50
    assert store.read(key(1023)) == ("text", "stop")
    assert store.read(key(0)) is None


def test_the_file_outlives_the_process_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    DiskStore(path).write(key(1), "kept", "stop")
    assert DiskStore(path).read(key(1)) == ("kept", "stop")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_clear_empties_the_file(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "c.sqlite3")
    store.write(key(1), "kept", "stop")
    assert (store.clear(), len(store), store.read(key(1))) == (1, 0, None)


def test_the_prompt_is_not_in_the_file(tmp_path: Path) -> None:
    cache = ModelCache(DiskStore(tmp_path / "c.sqlite3"), "model")
    cache.put(Request(RenderedPrompt("", "quicksilverbird", ""), 8), WRITTEN)
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"quicksilverbird" not in everything
    assert WRITTEN.text.encode() in everything


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_file_that_cannot_be_used_is_only_a_miss(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_bytes(content)
    store = DiskStore(path)
    store.write(key(1), "text", "stop")
    assert store.read(key(1)) in (None, ("text", "stop"))


def test_threads_share_a_file(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "c.sqlite3")

    def write(start: int) -> None:
        for number in range(start, start + 50):
            store.write(key(number), str(number), "stop")

    threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 200, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 200


def test_the_kinds() -> None:
    assert isinstance(model_cache("off", "m"), NoCache)
    with pytest.raises(ValueError, match="'memory', 'disk' or 'off', got 'ram'"):
        model_cache("ram", "m")  # type: ignore[arg-type]


def test_the_second_time_costs_no_tokens_and_is_verified_again(optimizer: PromptOptimizer) -> None:
    prompt = "how does a sundial work"
    first = optimizer.optimize(prompt)
    second = PromptOptimizer.from_pretrained(engine=LlamaCpp()).optimize(prompt)
    assert first.changed
    assert first.tokens.completion > 0
    assert (second.text, second.reason, second.tokens.completion) == (first.text, first.reason, 0)


def test_an_engine_object_is_never_cached() -> None:
    optimizer = PromptOptimizer.from_pretrained(engine=FakeEngine(), rewrite="always")
    optimizer.optimize("tell me about tea")
    optimizer.optimize("tell me about tea")
    assert isinstance(optimizer.engine, FakeEngine)
    assert len(optimizer.engine.calls) == 2


def test_caches_are_what_the_protocol_says(store: Store) -> None:
    caches: list[Cache] = [ModelCache(store, "m"), NoCache()]
    assert [cache.get(ASKED) for cache in caches] == [None, None]
