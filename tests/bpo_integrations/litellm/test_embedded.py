"""The callback that users name in their YAML, with the embedded optimizer, in front of a real LLM."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("litellm") is None:
    pytest.skip("litellm is not installed", allow_module_level=True)  # importing it takes seconds

import openai

CONFIG = Path(__file__).parents[3] / "examples" / "litellm_gateway" / "config.yaml"


def test_the_examples_configuration_is_enough(start: Any, chat_url: str, master_key: str) -> None:
    address = start(CONFIG.read_text(encoding="utf-8").replace("https://api.openai.com/v1", chat_url))
    with openai.OpenAI(base_url=f"{address}/v1", api_key=master_key, max_retries=0, timeout=60) as client:
        turns: Any = [{"role": "user", "content": "how do volcanoes work"}]
        create = client.chat.completions.with_raw_response.create
        first = create(model="local", messages=turns, max_tokens=16)
        assert first.headers["x-bpo-reason"] in ("rewritten", "deadline")  # it may have waited for the weights
        second = create(model="local", messages=turns, max_tokens=16)
    assert second.headers["x-bpo-reason"] == "rewritten"
    assert second.parse().choices[0].message.content


def test_a_checkpoint_that_is_not_there_costs_no_request(start: Any, module_server: Any, master_key: str) -> None:
    """Named in the YAML, so this is also how far `environment_variables` reach."""
    config = CONFIG.read_text(encoding="utf-8").replace("https://api.openai.com/v1", module_server.url)
    address = start(config.replace('# BPO_CHECKPOINT: "THUDM/BPO"', 'BPO_CHECKPOINT: "./missing"'))
    with openai.OpenAI(base_url=f"{address}/v1", api_key=master_key, max_retries=0, timeout=60) as client:
        turns: Any = [{"role": "user", "content": "how do volcanoes work"}]
        answer = client.chat.completions.with_raw_response.create(model="local", messages=turns)
    assert answer.headers["x-bpo-reason"] == "error"
    assert module_server.bodies[-1]["messages"] == turns
