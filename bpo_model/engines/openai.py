"""The `openai` engine: a server that speaks OpenAI's API (vLLM, SGLang, llama-server, Ollama ...).

One event loop in its own thread holds one client with one connection pool. Callers only
wait there, so that a request can be cancelled, and its connection dropped, at any time.
"""

import asyncio
import json
import os
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

from bpo_model.after_fork import reset_after_fork
from bpo_model.engines.base import CANCELLED, Candidate, Generated, Request, never
from bpo_model.engines.http_client import bounded_client, require_openai
from bpo_model.engines.settings import OpenAICompatible
from bpo_model.errors import GenerationError
from bpo_model.template import RenderedPrompt

POLL_S = 0.05  # how often a waiting call asks whether it is cancelled
RETRY_AFTER_S = 120.0  # the longest pause between two attempts; the SDK gives up at a longer Retry-After
CLOSE_S = 5.0  # how long open requests may take to end after they were cancelled
_SPECIAL = re.compile(
    r"<[|｜][^<>\s]{1,60}[|｜]>|</?s>|<(?:unk|pad|bos|eos|(?:start|end)_of_turn)>|<</?SYS>>|\[/?INST\]"
)
"""Special tokens and turn markers of the models in use; nothing that HTML or a `[PLACEHOLDER]` looks like."""
_MARKER = re.compile(r"<[^<>\s]{1,60}>|\[/?[A-Z_]{2,20}\]")
"""What in a template may be a marker, special token or not."""
_CHAT_FORMATS = (
    (
        r"(?:<\|im_start\|>system\n(?P<system>.*?)<\|im_end\|>\n?)?<\|im_start\|>user\n(?P<lead>.*)",
        r"(?P<tail>.*)<\|im_end\|>\n?<\|im_start\|>assistant\n?",
    ),
    (
        r"(?:<s>)?\s*\[INST\]\s*(?:<<SYS>>\n?(?P<system>.*?)\n?<</SYS>>\s*)?(?P<lead>.*)",
        r"(?P<tail>.*?)\s*\[/INST\]\s*",
    ),
    (r"(?P<lead>.*)", r"(?P<tail>.*)"),
)
"""What may stand before and after the instruction: ChatML, Llama-2, text without markers."""
_HINTS = {
    **dict.fromkeys((401, 403), " (put the server's key into ${key})"),
    404: " (base_url usually ends in /v1, and the server must serve {model!r})",
    **dict.fromkeys((301, 302, 307, 308), " (redirects are not followed, correct base_url)"),
}


class OpenAIEngine:
    """A server of someone else's making; `slots` calls of one request each fill its batches."""

    name = "openai"
    batch = 1  # the worker hands out a result when its call returns: none waits for another

    def __init__(self, settings: OpenAICompatible) -> None:
        """Connects with the first request; raises MissingDependencyError without the extra `openai`."""
        require_openai()
        self.slots = settings.concurrency
        self._settings = settings
        self._connection: _Connection | None = None
        self._finalizer: weakref.finalize[..., OpenAIEngine] | None = None
        self._unreachable: list[object] = []
        self.reset()
        reset_after_fork(self)

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """Send all requests and wait; never more than `concurrency` are in flight, however many callers."""
        if cancelled():
            return [CANCELLED] * len(requests)
        futures = [self._send(request) for request in requests]
        while wait(futures, POLL_S).not_done:
            if cancelled():
                # The last first: none may take the place of one that was cancelled before it.
                return [CANCELLED if future.cancel() else future.result() for future in reversed(futures)][::-1]
        return [CANCELLED if future.cancelled() else future.result() for future in futures]

    def close(self) -> None:
        """Cancel what is open and disconnect; a later request would connect again."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection:
            connection.stop()
            connection.thread.join(CLOSE_S)

    def reset(self) -> None:
        """Forget the connection: a forked child has its sockets, which are the parent's, but not its thread."""
        if self._finalizer:
            self._finalizer.detach()
        self._unreachable.append(self._connection)
        self._connection, self._finalizer = None, None
        self._lock = threading.Lock()

    def _send(self, request: Request) -> Future[Generated]:
        """The result to come; what cannot be sent fails at once."""
        try:
            path, body = _http_request(self._settings, request)
            with self._lock:  # so that nothing is sent on a connection that `close` has taken away
                if self._connection is None:
                    self._connection = _Connection(self._settings)
                    self._finalizer = weakref.finalize(self, self._connection.stop)
                    self._finalizer.atexit = False  # a daemon thread needs no help to die with the process
                return self._connection.submit(path, body, request.prompt.reply)
        except Exception as error:  # noqa: BLE001  # an error value concerns this item only
            failed: Future[Generated] = Future()
            failed.set_result(GenerationError(str(error)))
            return failed


class _Connection:
    """Client and event loop; knows nothing of the engine, so that its thread does not keep that alive."""

    def __init__(self, settings: OpenAICompatible) -> None:
        import openai

        self._settings = settings
        self._key = os.environ.get(settings.api_key_variable, "").strip()
        if not (self._key.isascii() and self._key.isprintable()):  # else the header's error would show it, escaped
            raise GenerationError(f"the key in ${settings.api_key_variable} holds characters that no HTTP header may")
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=settings.base_url,
            max_retries=settings.retries,
            timeout=settings.timeout_s,
            http_client=bounded_client(),
        )
        self._places = asyncio.Semaphore(settings.concurrency)
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="bpo-openai", daemon=True)
        self.thread.start()

    def submit(self, path: str, body: dict[str, Any], start: str) -> Future[Generated]:
        """Start a request from any thread; cancelling the future drops it."""
        return asyncio.run_coroutine_threadsafe(self._answer(path, body, start), self._loop)

    def stop(self) -> None:
        """Begin to end; may be called twice, and from any thread."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._finish()))

    def _run(self) -> None:
        """The thread."""
        self._loop.run_forever()
        self._loop.close()

    async def _finish(self) -> None:
        """Cancel what is open, close the sockets, end the thread."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._client.close()
        self._loop.stop()

    async def _answer(self, path: str, body: dict[str, Any], start: str) -> Generated:
        """The server's answer, after as many attempts as it takes or is allowed."""
        # The client's timeout is for one read: without a limit, a reply that trickles would never end.
        longest = self._settings.timeout_s + self._settings.retries * (self._settings.timeout_s + RETRY_AFTER_S)
        try:
            async with self._places, asyncio.timeout(longest):
                return _candidate(await self._client.post(path, cast_to=str, body=body), start)
        except GenerationError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001  # whatever client and server do, it is the result of this item
            message = self._explain(error)
        # The key goes first: half a key would not be found.
        message = message.replace(self._key, "***") if self._key else message
        return GenerationError(" ".join(message.split())[:500])

    def _explain(self, error: Exception) -> str:
        """What happened where, and what to do."""
        import openai

        settings = self._settings
        where = re.sub(r"//[^/@]*@", "//", settings.base_url)  # without a password
        if isinstance(error, openai.APIStatusError):
            hint = _HINTS.get(error.status_code, "").format(key=settings.api_key_variable, model=settings.model)
            said = error.body.get("message") if isinstance(error.body, dict) else None
            return f"{where} answered {error.status_code}{hint}: {said or error.body or 'without a reason'}"
        if isinstance(error, openai.APITimeoutError | TimeoutError):
            return f"{where} did not answer within timeout_s={settings.timeout_s:g}: raise it, or lower concurrency"
        if isinstance(error.__cause__, GenerationError):
            return f"{where}: {error.__cause__}"
        if isinstance(error, openai.APIConnectionError):
            return f"could not reach {where} ({error.__cause__!r}): start the server there, or correct base_url"
        return f"{where}: {type(error).__name__}: {error}"


def _http_request(settings: OpenAICompatible, request: Request) -> tuple[str, dict[str, Any]]:
    """Path and body. Nothing is left out where a server knows a parameter not: its error says so."""
    _refuse_special(request.prompt)
    body: dict[str, Any] = {"model": settings.model, "max_tokens": request.max_tokens, "n": 1}
    body |= {"temperature": request.temperature, "top_p": request.top_p, "seed": request.seed}
    if request.logit_bias:
        body["logit_bias"] = {str(token): nats for token, nats in request.logit_bias}
    if request.frequency_penalty:
        body["frequency_penalty"] = request.frequency_penalty
    if settings.route == "chat":
        return "/chat/completions", {**body, "messages": _messages(request.prompt)}
    return "/completions", {**body, "prompt": str(request.prompt) + request.prompt.reply}


def _refuse_special(prompt: RenderedPrompt) -> None:
    """Refuse text that the server would take for special tokens: the API has no way to call it plain text."""
    markers = _MARKER.findall(prompt.before + prompt.after)
    found = _SPECIAL.findall(prompt.text) or [marker for marker in markers if marker in prompt.text]
    if found:
        raise GenerationError(
            f"the prompt holds {found[0]!r}, which a server reads as a special token and not as text; "
            "such prompts are rewritten by the engines that run inside this process only"
        )


def _messages(prompt: RenderedPrompt) -> list[dict[str, str]]:
    """The messages that the server's chat template turns back into this prompt."""
    for head, foot in () if prompt.reply else _CHAT_FORMATS:
        before, after = re.fullmatch(head, prompt.before, re.DOTALL), re.fullmatch(foot, prompt.after, re.DOTALL)
        if before and after:
            system, lead, tail = before.groupdict().get("system"), before["lead"], after["tail"]
            if not _SPECIAL.search(f"{system} {lead} {tail}"):
                parts = {"system": system, "user": lead + prompt.text + tail}
                return [{"role": role, "content": content} for role, content in parts.items() if content]
    raise GenerationError(
        "the checkpoint's template is neither ChatML nor Llama-2 nor plain text, or it starts the reply, and cannot be "
        "sent as chat messages; "
        'use OpenAICompatible(route="completions")'
    )


def _candidate(reply: str, start: str) -> Candidate:
    """The reply behind the start that was given; one that was stopped halfway for any reason but its length is none."""
    try:
        data = json.loads(reply)
        choice = data["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        text.encode()  # fails for what is no text, and for halves of characters
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GenerationError(f"the reply holds no completion: {reply or 'it is empty'}") from None
    reason = choice.get("finish_reason") or "stop"
    if reason not in ("stop", "length"):
        raise GenerationError(f"the server broke off, finish_reason {reason!r}")
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    read, written = (int(usage.get(f"{kind}_tokens") or 0) for kind in ("prompt", "completion"))
    return Candidate(start + text, read, written, "length" if reason == "length" else "stop")
