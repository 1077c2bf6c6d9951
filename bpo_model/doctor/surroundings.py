"""Environment variables that change what the package does: their names, never their values."""

import os
from collections.abc import Iterator
from difflib import get_close_matches

from bpo_model.base_file import PATH_VARIABLE
from bpo_model.doctor.finding import Finding, ok, problem, warning

OWN = (PATH_VARIABLE, "BPO_CHECKPOINT", "BPO_DEADLINE_MS")
"""The first is the core's, the others are those of the callback for LiteLLM's proxy."""
OTHERS = (
    "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "XDG_CACHE_HOME", "OPENAI_API_KEY",
    "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE",
)  # fmt: skip
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def examine() -> Iterator[Finding]:
    """The variables that are set, and those that look mistyped."""
    proxies = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    names = [name for name in (*OWN, *OTHERS) if os.environ.get(name)] + proxies
    yield ok("environment", ", ".join(names) if names else "no variable that changes anything is set")
    yield from _mistyped()
    if _deadline_is_wrong():
        yield problem("environment", "BPO_DEADLINE_MS is not a number above 0", "Set it to milliseconds, such as 2000")
    if set(proxies) - {"NO_PROXY"} and not _loopback_is_direct():
        advice = "For a model server on this machine: export NO_PROXY=localhost,127.0.0.1"
        yield warning("proxy", "connections to this machine go to the proxy too", advice)


def _mistyped() -> Iterator[Finding]:
    """Variables that are nearly ours."""
    for name in sorted(os.environ):
        meant = get_close_matches(name.upper(), OWN, n=1, cutoff=0.8)
        if meant and name not in OWN:
            yield warning("environment", f"{name} means nothing here", f"Did you mean {meant[0]}?")


def _deadline_is_wrong() -> bool:
    """Whether the gateway would stop at it."""
    try:
        return not float(os.environ.get("BPO_DEADLINE_MS") or 1) > 0
    except ValueError:
        return True


def _loopback_is_direct() -> bool:
    """Whether the proxy is left out for this machine."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(name.strip() in {"*", "localhost", "127.0.0.1"} for name in listed.split(","))
