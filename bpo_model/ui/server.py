"""Serve the page until the user presses Ctrl+C."""

import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from bpo_model.errors import BPOError
from bpo_model.ui.app import Ui
from bpo_model.ui.guard import Guard

STOP_S = 2
"""How long open requests may take to end."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; taken before the model is loaded, so that a taken port is an error at once.

    Raises:
        BPOError: If the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BPOError(
            f"cannot listen on {host}:{port}: {error.strerror}. Try another --port; 0 takes a free one."
        ) from error


def address(host: str, bound: socket.socket) -> str:
    """What to type into a browser."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{bound.getsockname()[1]}/"


def make_server(ui: Ui, host: str, bound: socket.socket) -> uvicorn.Server:
    """A server for the guarded application, silent: neither paths nor prompts are logged."""
    config = uvicorn.Config(
        Guard(ui.app(), host, bound.getsockname()[1]), http="h11", ws="none", lifespan="off", log_level="warning",
        access_log=False, server_header=False, date_header=False, proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(ui: Ui, host: str, bound: socket.socket, *, open_browser: bool, say: Callable[[str], None]) -> None:
    """Run until interrupted."""
    url = address(host, bound)
    say(f"{url}  (Ctrl+C ends it)")
    if open_browser:
        # The socket listens already: a browser that is faster than the server waits.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    try:
        make_server(ui, host, bound).run(sockets=[bound])
    except KeyboardInterrupt:
        say("ended")
