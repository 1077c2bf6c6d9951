"""A real OpenAI-compatible server on loopback, for all adapters."""

import gc
from collections.abc import Iterator

import pytest

from bpo_model.checkpoint import load_checkpoint


@pytest.fixture(scope="session")
def chat_url() -> Iterator[str]:
    """llama.cpp's server with the base model of the embedded default, as the LLM that answers."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_parallel, parameters.n_ctx = 2, 4096
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_ram_mib, parameters.warmup, parameters.verbosity = 0, False, -1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
    gc.collect()
