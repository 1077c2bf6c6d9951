"""A teacher on loopback for every test, and a small real model behind one for the session."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpo_model.checkpoint import load_checkpoint
from tests.training.data.teacher_server import TeacherServer, serving
from training.data.teaching.config import TeacherConfig
from training.data.teaching.ledger import Ledger


@pytest.fixture
def teacher_server() -> Iterator[TeacherServer]:
    """A fresh teacher for every test."""
    with serving() as server:
        yield server


@pytest.fixture
def teacher_config(teacher_server: TeacherServer) -> TeacherConfig:
    """How it is asked; it is free."""
    return TeacherConfig(base_url=teacher_server.url, model="m", concurrency=4, price_in=0, price_out=0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    one = Ledger(tmp_path / "ledger")
    yield one
    one.close()


@pytest.fixture(scope="session")
def local_model_url() -> Iterator[str]:
    """llama.cpp's server with the base model of the embedded default."""
    import xllamacpp

    parameters: Any = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_parallel, parameters.n_ctx = 1, 2048
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_ram_mib, parameters.warmup, parameters.verbosity = 0, False, -1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
    gc.collect()
