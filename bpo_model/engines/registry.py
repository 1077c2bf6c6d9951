"""One loaded model a process: optimizers with the same checkpoint and settings share a worker."""

import threading
import weakref
from collections import OrderedDict
from typing import TypeAlias

from bpo_model.after_fork import reset_after_fork
from bpo_model.checkpoint import Checkpoint
from bpo_model.engines.base import Engine
from bpo_model.engines.settings import EngineSettings
from bpo_model.engines.worker import Worker

Key: TypeAlias = tuple[EngineSettings, str]
KEPT = 2
"""Models that stay loaded although no optimizer uses them at the moment."""


class _Registry:
    """Workers by settings and checkpoint; holds the newest ones, knows the rest while they live."""

    def __init__(self) -> None:
        self._alive: weakref.WeakValueDictionary[Key, Worker] = weakref.WeakValueDictionary()
        self._objects: weakref.WeakValueDictionary[int, Worker] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[Key, Worker] = OrderedDict()
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """A forked child may find the lock taken; the workers start anew by themselves."""
        self._lock = threading.Lock()

    def get(self, settings: EngineSettings, checkpoint: Checkpoint) -> Worker:
        """The worker for this model."""
        key = (settings, checkpoint.identity)
        with self._lock:
            worker = self._alive.get(key)
            if worker is None:
                worker = self._alive[key] = Worker(lambda: settings.load(checkpoint))
            self._kept[key] = worker
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return worker

    def wrap(self, engine: Engine) -> Worker:
        """The worker in front of an engine object, which it keeps alive: its id stays its own."""
        with self._lock:
            worker = self._objects.get(id(engine))
            if worker is None:
                worker = self._objects[id(engine)] = Worker(lambda: engine)
            return worker


_registry = _Registry()


def shared_worker(settings: EngineSettings, checkpoint: Checkpoint) -> Worker:
    """The process's worker for a checkpoint under these settings; loads nothing yet."""
    return _registry.get(settings, checkpoint)


def worker_for(engine: Engine) -> Worker:
    """The process's worker for an engine that the caller made."""
    return _registry.wrap(engine)
