"""Many workers, one ledger: a worker that dies loses nothing, and nothing is paid for twice."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.data.teacher_server import TeacherServer, preferences
from training.data.on_ray import BATCH, fill_ledger
from training.data.teaching.config import TeacherConfig
from training.data.teaching.construct import construct
from training.data.teaching.ledger import Ledger

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def askers() -> list[int]:
    """Process ids of Ray's actors that ask."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::MapWorker(MapBatches(Asker))"):
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker to kill in /proc")
def test_a_killed_worker_costs_what_it_had_on_its_way(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows, killed = preferences(12 * BATCH), list[int]()
    teacher_server.delay_s = 0.1

    def kill() -> None:
        while teacher_server.requests < len(rows) // 3:
            time.sleep(0.01)
        killed.extend(askers()[:1])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    statuses = fill_ledger(rows, teacher_config, tmp_path, workers=2, progress=False)
    killer.join()
    assert killed
    assert statuses == {"ok": len(rows)}
    assert len(list(tmp_path.glob("*.jsonl"))) >= 2
    assert teacher_server.requests <= len(rows) + teacher_config.concurrency
    built = construct(rows, teacher_config, Ledger(tmp_path), progress=False)
    assert (len(built.pairs), built.asked) == (len(rows), 0)
    assert fill_ledger(rows, teacher_config, tmp_path, workers=2, progress=False) == {}


def test_what_is_left_of_the_money_is_shared(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows, priced = preferences(4 * BATCH), replace(teacher_config, price_in=0.0, price_out=1e6 / 40)  # a dollar each
    construct(rows[:4], priced, Ledger(tmp_path), progress=False)
    statuses = fill_ledger(rows, replace(priced, max_usd=14.0), tmp_path, workers=2, progress=False)
    # Each worker has five dollars; one that starts late may find the rows gone.
    assert 5 <= statuses["ok"] <= 10 + 2 * (priced.concurrency - 1)
    assert statuses["ok"] + statuses["not_asked"] == len(rows) - 4


def test_no_worker_is_an_error(teacher_config: TeacherConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers must be >= 1"):
        fill_ledger(preferences(1), teacher_config, tmp_path, workers=0)
