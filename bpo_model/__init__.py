"""Rewrite prompts so that any LLM answers better, and verify every rewrite.

    from bpo_model import PromptOptimizer

    optimizer = PromptOptimizer.from_pretrained()
    print(optimizer.optimize("tell me about harry potter"))

Source: Cheng et al., Black-Box Prompt Optimization, ACL 2024, arXiv 2311.04155.
"""

from bpo_model.config import AGGRESSIVE, STABLE, GatePolicy, SamplingConfig
from bpo_model.engines.settings import LlamaCpp, OpenAICompatible, Transformers
from bpo_model.errors import BPOError, GenerationError, MissingDependencyError, ModelLoadError, PromptError
from bpo_model.optimizer import PromptOptimizer
from bpo_model.schema import (
    Edit,
    LabelledStrategy,
    Message,
    OptimizedPrompt,
    Prompt,
    Reason,
    Strategy,
    SupportsOptimize,
    Violation,
)

__version__ = "0.1.0"

__all__ = [
    "AGGRESSIVE",
    "STABLE",
    "BPOError",
    "Edit",
    "GatePolicy",
    "GenerationError",
    "LabelledStrategy",
    "LlamaCpp",
    "Message",
    "MissingDependencyError",
    "ModelLoadError",
    "OpenAICompatible",
    "OptimizedPrompt",
    "Prompt",
    "PromptError",
    "PromptOptimizer",
    "Reason",
    "SamplingConfig",
    "Strategy",
    "SupportsOptimize",
    "Transformers",
    "Violation",
]
