"""The base model in transformers, loaded once: it takes about fifteen seconds."""

from typing import Any

import pytest

from training.base import load_base
from training.write_out import embedded_base


@pytest.fixture(scope="session")
def base() -> tuple[Any, Any]:
    """(model, tokenizer) of the embedded base, dequantized."""
    return load_base(str(embedded_base()))
