"""Fixtures that several test folders share. The model is the real embedded one."""

from pathlib import Path

import pytest

from bpo_model import PromptOptimizer
from bpo_model.engines.llama_cpp import LlamaCppEngine

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The development data, which lies beside the checkout and is not part of it."""
    if not DATA.is_dir():
        pytest.skip(f"the development data is not at {DATA.name}/ beside the checkout")
    return DATA


@pytest.fixture(scope="session")
def optimizer() -> PromptOptimizer:
    """The embedded default."""
    return PromptOptimizer.from_pretrained()


@pytest.fixture(scope="session")
def engine(optimizer: PromptOptimizer) -> LlamaCppEngine:
    """The llama.cpp engine of the embedded default."""
    assert isinstance(optimizer.engine, LlamaCppEngine)
    return optimizer.engine
