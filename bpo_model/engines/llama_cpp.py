"""The embedded engine: GGUF weights in llama.cpp's own server, inside this process.

`xllamacpp` brings llama.cpp's C++ server as a prebuilt wheel: continuous batching, a
prompt-prefix cache and LoRA adapters, without a compiler and without dependencies.
"""

import json
import logging
import re
import secrets
import signal
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Any

from bpo_model.cores import default_threads, usable_cores
from bpo_model.engines.base import CANCELLED, PENALIZED_TOKENS, Candidate, Generated, Request, never
from bpo_model.errors import GenerationError, ModelLoadError
from bpo_model.template import RenderedPrompt

logger = logging.getLogger(__name__)

MAX_SLOTS = 4
"""Prompts decoded at the same time unless set otherwise; each slot takes some 150 MB."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Our own server on loopback is never asked through a proxy, which would see the prompt and the key."""
_SPECIAL_LOOKALIKE = re.compile(r"<[^<>\s]{1,60}>|\[/?[A-Z_]{2,20}\]")
"""Superset of how models spell special tokens; such texts are tokenized the careful way."""


class LlamaCppEngine:
    """llama.cpp with one model, shared by all callers in the process.

    One server a prompt that is decoded at the same time, never a batch: on CPU cores a batch
    of n costs as much as n prompts one after another or more (measured for n = 2 to 32), and
    prompts that never share a batch give the same text alone and under load.
    """

    name = "llama_cpp"
    batch = 1

    def __init__(
        self,
        model: Path,
        adapter: Path | None = None,
        *,
        context_tokens: int = 1024,
        threads: int | None = None,
        slots: int | None = None,
    ) -> None:
        """Load the weights; 0.2 s a slot for the embedded model.

        All servers start now, because xllamacpp holds Python's lock while one starts: later
        that would stop event loops and deadlines.

        Raises:
            ModelLoadError: If llama.cpp does not accept a file.
        """
        self._key = secrets.token_urlsafe(24)
        threads = threads or default_threads()
        self.slots = slots or max(1, min(usable_cores() // threads, MAX_SLOTS))
        with _interrupts_wait():
            servers = [_start(model, adapter, context_tokens, threads, self._key) for _ in range(self.slots)]
        self._address = servers[0].listening_address
        self._idle: LifoQueue[Any] = LifoQueue()
        for server in reversed(servers):
            self._idle.put(server)

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """Generate one after another on one server; calls from several threads run side by side."""
        with self._borrowed() as server:
            return [self._generate(server, request, cancelled) for request in requests]

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        """The idle server that was used last, whose caches are warm; waits for one."""
        server = self._idle.get()
        try:
            yield server
        finally:
            self._idle.put(server)

    def _generate(self, server: Any, request: Request, cancelled: Callable[[], bool]) -> Generated:
        """One candidate; every failure is returned, none is raised."""
        if cancelled():
            return CANCELLED
        try:
            return _collect(server, self._body(request), cancelled, request.prompt.reply)
        except GenerationError as error:
            return error
        except Exception as error:  # noqa: BLE001  # whatever the native library raises concerns this item only
            return GenerationError(f"llama.cpp failed: {error}")

    def _body(self, request: Request) -> dict[str, Any]:
        """The server's request; streamed, so that it can be stopped between two tokens."""
        return {
            "prompt": self._prompt(request.prompt),
            "n_predict": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            # Greedy: one is enough. With all 49,152, top_p sorts them for every token (0.3 ms).
            "top_k": 0 if request.temperature else 1,
            "min_p": 0.0,
            "logit_bias": [list(one) for one in request.logit_bias],
            "frequency_penalty": request.frequency_penalty,
            "repeat_last_n": PENALIZED_TOKENS,
            "seed": request.seed,
            "cache_prompt": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _prompt(self, prompt: RenderedPrompt) -> str | list[int]:
        """Text, or token ids if the user's text could be read as special tokens.

        The server reads special tokens anywhere in a string; ids are the only way to
        have them in the template and not in the user's text.
        """
        if not _SPECIAL_LOOKALIKE.search(prompt.text):
            return str(prompt) + prompt.reply
        parts = ((prompt.before, True), (prompt.text, False), (prompt.after, True), (prompt.reply, False))
        return [token for text, special in parts for token in self.tokenize(text, special=special)]

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids by the server's own tokenizer, over loopback."""
        return list(
            self._post("/tokenize", {"content": text, "add_special": False, "parse_special": special})["tokens"]
        )

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an endpoint that the in-process interface lacks."""
        request = urllib.request.Request(
            self._address + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        with _DIRECT.open(request, timeout=10) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer


def _parameters(model: Path, adapter: Path | None, context_tokens: int, threads: int, key: str) -> Any:
    """llama.cpp's settings; the loopback port that it opens is locked with a random key."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    if adapter:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    parameters.n_parallel = 1
    parameters.n_ctx = context_tokens
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.cache_ram_mib = 0  # else the server keeps up to 8 GiB of old prompts
    parameters.warmup = False
    parameters.fit_params = False  # a trial load that asks how much fits on a GPU: 0.27 of 0.45 s
    parameters.verbosity = -1
    parameters.api_keys = [key]
    parameters.endpoint_slots = False
    parameters.ui = False
    return parameters


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """SIGINT arrives when the block is left.

    xllamacpp holds Python's lock while a server starts, so an interrupt is raised the moment it is there, and drops it;
    a server that is destroyed before its loop runs waits for ever.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(model: Path, adapter: Path | None, context_tokens: int, threads: int, key: str) -> Any:
    """Start a server; its reasons for failing are turned into one error."""
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(model, adapter, context_tokens, threads, key))
        server.handle_completions({"prompt": "a", "n_predict": 1}, lambda _: False)  # answered: its loop runs
        return server
    except Exception as error:
        raise ModelLoadError(
            f"llama.cpp could not load {model}: {error}. Run `bpo doctor` to check the files."
        ) from error


def _collect(server: Any, body: dict[str, Any], cancelled: Callable[[], bool], start: str) -> Candidate:
    """Run a streamed completion to its end or until cancelled; `start` is what of the reply was given."""
    pieces: list[str] = []
    state: dict[str, Any] = {"finish": "stop", "usage": {}, "error": None}

    def on_chunk(chunk: Any) -> bool:
        for event in chunk if isinstance(chunk, list) else [chunk]:
            _read_event(event, pieces, state)
        if cancelled():
            state["finish"] = "cancelled"
            return True
        return False

    server.handle_completions(body, on_chunk)
    if state["error"]:
        raise GenerationError(f"llama.cpp refused the request: {state['error']}")
    usage = state["usage"]
    written = int(usage.get("completion_tokens", len(pieces)))
    return Candidate(start + "".join(pieces), int(usage.get("prompt_tokens", 0)), written, state["finish"])


def _read_event(event: dict[str, Any], pieces: list[str], state: dict[str, Any]) -> None:
    """Take text, end reason, token counts or an error out of one event."""
    if "error" in event:
        state["error"] = event["error"].get("message", event["error"])
        return
    for choice in event.get("choices", []):
        pieces.append(choice.get("text") or "")
        if choice.get("finish_reason") == "length":
            state["finish"] = "length"
    state["usage"] = event.get("usage") or state["usage"]
