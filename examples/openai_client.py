"""A prompt on its way through a wrapped OpenAI client; needs no network and no key.

pip install "bpo-model[openai]"; then run this file, with a prompt if you like. The LLM that
answers is the base of the embedded optimizer, 135M, behind llama.cpp's own server on loopback.
"""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import xllamacpp
from openai import OpenAI

from bpo_integrations.openai import rewrite_of, wrap_openai
from bpo_model.checkpoint import load_checkpoint


def main(prompt: str) -> None:
    """Ask once, and tell what was sent and why."""
    with local_client() as plain:
        client = wrap_openai(plain)  # that is all; every call below is the SDK's own
        answer = client.chat.completions.create(
            model="local", messages=[{"role": "user", "content": prompt}], max_tokens=60, temperature=0
        )
    rewrite = rewrite_of(answer)
    assert rewrite is not None
    print("original:", rewrite.original)
    print("rewrite: ", rewrite.text)
    print("reason:  ", rewrite.reason.value)
    print("answer:  ", answer.choices[0].message.content)


@contextmanager
def local_client() -> Iterator[OpenAI]:
    """A client of a server in this process; yours may be anywhere."""
    base, _ = load_checkpoint().find_files()
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_parallel, parameters.n_ctx = str(base), 1, 2048
    parameters.warmup, parameters.verbosity = False, -1
    parameters.api_keys = [secrets.token_urlsafe(24)]
    server = xllamacpp.Server(parameters)
    with OpenAI(base_url=f"{server.listening_address}/v1", api_key=parameters.api_keys[0]) as client:
        yield client


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "how do volcanoes work")
