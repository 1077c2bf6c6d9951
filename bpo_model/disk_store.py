"""The optional on-disk cache: one SQLite file that several processes may share.

SQLite is the best kept library there is for this, and it is part of Python. diskcache, the
usual choice, has had no release since 2023 and unpickles what it reads.
"""

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from bpo_model.after_fork import reset_after_fork

logger = logging.getLogger(__name__)

ENTRIES = 100_000
"""Candidates kept on disk, the newest used ones; about 40 MB."""
PRUNE_EVERY = 512
LOCKED_S = 1.0
"""Seconds that a read or a write waits for another process."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS candidates (key BLOB PRIMARY KEY, text TEXT, finish TEXT, used REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON candidates (used);
"""


def default_path() -> Path:
    """Where the file lies."""
    return user_cache_path("bpo") / "candidates.sqlite3"


class DiskStore:
    """Candidates in a SQLite file; a file that cannot be used costs a generation, never an answer."""

    def __init__(self, path: Path | None = None, entries: int = ENTRIES) -> None:
        """Opens the file with the first use."""
        self.path, self._limit = path or default_path(), entries
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Open anew: a connection must not be used, nor closed, by a forked child."""
        self._left_to_parent = getattr(self, "_connection", None)
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._writes = 0

    def read(self, key: bytes) -> tuple[str, str] | None:
        """Look up, and mark as used."""
        with self._lock, _tolerant("read"):
            row = self._open().execute("SELECT text, finish FROM candidates WHERE key = ?", (key,)).fetchone()
            if row is not None:
                self._open().execute("UPDATE candidates SET used = ? WHERE key = ?", (time.time(), key))
                return str(row[0]), str(row[1])
        return None

    def write(self, key: bytes, text: str, finish: str) -> None:
        """Keep; now and then drop the oldest beyond the limit."""
        with self._lock, _tolerant("write"):
            values = (key, text, finish, time.time())
            self._open().execute("INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?)", values)
            self._writes += 1
            if self._writes % PRUNE_EVERY == 0:
                self._prune()

    def __len__(self) -> int:
        """Entries."""
        with self._lock:
            return int(self._open().execute("SELECT count(*) FROM candidates").fetchone()[0])

    def clear(self) -> int:
        """Delete all entries and give the space back; returns how many there were."""
        count = len(self)
        with self._lock:
            self._open().execute("DELETE FROM candidates")
            self._open().execute("VACUUM")
        return count

    def _prune(self) -> None:
        """Keep the entries that were used last."""
        self._open().execute(
            "DELETE FROM candidates WHERE key IN (SELECT key FROM candidates ORDER BY used DESC LIMIT -1 OFFSET ?)",
            (self._limit,),
        )

    def _open(self) -> sqlite3.Connection:
        """The connection; the file is readable by its owner only."""
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            # Autocommit: every write is whole by itself. The lock makes sharing between threads safe.
            connection = sqlite3.connect(self.path, timeout=LOCKED_S, isolation_level=None, check_same_thread=False)
            try:
                _set_up(connection)
            except BaseException:
                connection.close()  # one that is half set up would never be set up
                raise
            self._connection = connection
        return self._connection


def _set_up(connection: sqlite3.Connection) -> None:
    """Journal and table."""
    # Where two processes switch the journal of a new file at once, SQLite refuses one without any wait. The other
    # switches it for both.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_SCHEMA)


@contextlib.contextmanager
def _tolerant(what: str) -> Iterator[None]:
    """Carry on without the cache."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:
        logger.warning("cannot %s the cache: %s", what, error)
