"""Append whole lines to a file that several processes share and that only its owner may read."""

import contextlib
import os
import stat
from pathlib import Path

from bpo_model.errors import BPOError


def append_line(path: Path, line: bytes) -> None:
    """Add one line and wait until it is on the disk; another process's line is never cut or mixed in.

    A line that a crash cut off before stays where it is, as a line of its own that no reader understands.

    Raises:
        BPOError: If the path is not a regular file, or this system has no file locks.
        OSError: If the file cannot be written; it is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(file)
        size = _checked_size(file, path)
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        _write(file, (b"\n" if torn else b"") + line + b"\n", size)
        os.fsync(file)
    finally:
        os.close(file)  # and with it the lock
    if new:
        _sync_folder(path.parent)


def _lock(file: int) -> None:
    """Wait for the lock; the kernel drops it when its holder dies, so that none is ever left behind."""
    try:
        import fcntl
    except ImportError as error:
        raise BPOError("this system has no POSIX file locks (flock), which the feedback file needs") from error
    fcntl.flock(file, fcntl.LOCK_EX)


def _checked_size(file: int, path: Path) -> int:
    """Bytes in the file; closes it to others if somebody has opened it up."""
    state = os.fstat(file)
    if not stat.S_ISREG(state.st_mode):
        raise BPOError(f"{path} is not a regular file. Choose another one for the feedback.")
    if state.st_mode & 0o077:
        os.fchmod(file, 0o600)
    return state.st_size


def _write(file: int, data: bytes, size: int) -> None:
    """All of the data or none of it."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:  # such as a full disk
        os.ftruncate(file, size)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its content, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
