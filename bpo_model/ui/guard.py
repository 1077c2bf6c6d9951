"""What the server refuses before anything else: other sites in the user's browser, and bodies that are too large.

A page of another site can make a browser send requests to loopback. It cannot read the replies, but with a
name of its own that points here (DNS rebinding) it could. So a request has to name this server, a POST has to
come from our own page and to be JSON, which no form can send.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 20_000_000
"""Bytes; a file of prompts comes as one body."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""On every reply. With trusted types the browser itself refuses to read text as HTML."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Wraps the application; `host` and `port` are what the server is bound to."""

    app: ASGIApp
    host: str
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on and add the headers."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        status, reason = self._refusal(scope["method"], Headers(scope=scope))
        app: ASGIApp = PlainTextResponse(reason + "\n", status) if status else self.app
        await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str]:
        """(status, reason), or (0, "") if the request may pass."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "this server is not the host that the request names"
        if method in ("GET", "HEAD"):
            return 0, ""
        if method != "POST":
            return 405, "GET and POST only"
        if headers.get("origin") != f"http://{host}":
            return 403, "requests from other sites are refused"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "JSON only"
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not length.isdecimal():
            return 411, "a body must say how long it is"
        return (413, f"at most {MAX_BODY} bytes") if int(length) > MAX_BODY else (0, "")

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this server: an address, `localhost`, or the --host; never another name."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.port or parts.username is not None or parts.path:
            return False
        return name in ("localhost", self.host) or (
            _is_address(name) and (_is_loopback(name) or not _is_loopback(self.host))
        )


def _is_address(name: str) -> bool:
    """Whether a name is an IP address, which no name server can point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    """Whether only this machine can reach it."""
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def is_private(host: str) -> bool:
    """Whether a server bound to this host can be reached from this machine only."""
    return _is_loopback(host)
