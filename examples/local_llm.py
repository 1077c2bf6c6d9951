"""An LLM for the examples: the small base model of the embedded optimizer, behind an OpenAI-compatible server.

Your own code has a real one instead: `ChatOpenAI(model=...)`, `OpenAI()` and so on. The answers
of 135 million parameters are poor; what the examples show is what reaches the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import xllamacpp

from bpo_model.checkpoint import load_checkpoint


@contextmanager
def local_llm() -> Iterator[str]:
    """Serve on loopback; yields the base URL, ending in /v1. Any key and any model name will do."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_ctx, parameters.cpuparams.n_threads, parameters.verbosity = 4096, 1, -1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
