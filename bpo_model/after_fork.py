"""Threads and locks do not survive a fork; what depends on them starts anew in the child."""

import os
import weakref
from typing import Any

_objects: weakref.WeakSet[Any] = weakref.WeakSet()
forked = False
"""Whether this process was forked from one that had loaded the package."""


def reset_after_fork(obj: Any) -> None:
    """Call `obj.reset()` in every forked child; the object may die before."""
    _objects.add(obj)


def _in_child() -> None:
    """Runs in the only thread that the child has."""
    global forked
    forked = True
    for obj in list(_objects):
        obj.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
