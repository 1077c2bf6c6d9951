"""One writer for a folder: a lock that the operating system takes back when its process dies, however it dies."""

import os
import sys
from pathlib import Path
from typing import TextIO

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows keeps others from reading what is locked, and they want to read the process id

    def _take(file: TextIO) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _take(file: TextIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockedError(RuntimeError):
    """Another process writes there."""


def lock(file: Path) -> TextIO:
    """Take the lock and write our process id into it; closing what comes back, or dying, gives it up.

    The file stays, and what it says means nothing once its process is dead: only the lock on it counts.

    Raises:
        LockedError: If somebody holds it, this process included; the message names the process.
    """
    opened = file.open("a+", encoding="utf-8")
    try:
        _take(opened)
    except OSError:
        opened.seek(0)
        holder = opened.read().strip() or "unknown"
        opened.close()
        raise LockedError(
            f"process {holder} is writing to {file.parent.name}: wait for it, stop it, or choose another folder"
        ) from None
    opened.truncate(0)
    opened.write(f"{os.getpid()}\n")
    opened.flush()
    return opened
