"""Which engine runs a checkpoint and how, as data: comparable, hashable, and safe to pickle.

Optimizers with equal settings and the same checkpoint share one loaded model.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from bpo_model.checkpoint import Checkpoint
    from bpo_model.engines.base import Engine


@runtime_checkable
class EngineSettings(Protocol):
    """Knows how to load one kind of engine."""

    def load(self, checkpoint: "Checkpoint") -> "Engine":
        """Load the weights or connect; takes from milliseconds to minutes.

        Raises:
            ModelLoadError: If the checkpoint cannot be run by this engine.
            MissingDependencyError: If the engine's extra is not installed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCpp:
    """GGUF weights in llama.cpp, inside this process; the embedded default."""

    threads: int | None = None
    """Threads that decode one prompt; None: half of the cores, at most 4."""

    slots: int | None = None
    """Prompts decoded at the same time, some 150 MB each; None: cores / threads, at most 4."""

    def __post_init__(self) -> None:
        """Refuse what llama.cpp would quietly replace."""
        for name, value in (("threads", self.threads), ("slots", self.slots)):
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} must be a whole number >= 1 or None, got {value!r}")

    def load(self, checkpoint: "Checkpoint") -> "Engine":
        """Start llama.cpp with the checkpoint's merged weights."""
        from bpo_model.engines.llama_cpp import LlamaCppEngine
        from bpo_model.merged import runnable_files

        model, adapter = runnable_files(checkpoint)
        return LlamaCppEngine(
            model, adapter, context_tokens=checkpoint.context_tokens, threads=self.threads, slots=self.slots
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformers:
    """Any causal language model in torch, on CUDA, MPS or CPU; needs the extra `gpu`."""

    device: str | None = None
    """Such as "cuda:1"; None: the first of CUDA, MPS, CPU that is there."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 where the device computes in it, float16 on older GPUs and MPS, float32 on CPU."""
    quantize: Literal["8bit", "4bit"] | None = None
    """Load with bitsandbytes; CUDA only."""
    batch_tokens: int = 16_384
    """Most tokens of one batch, prompt and rewrite and padding together; halved when memory runs
    out, and at most 4,096 on CPU, where larger batches were slower."""
    compile: bool = False
    """Compile the decoding step with a static cache; pays on CUDA after a minute of warm-up."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise ValueError(f"dtype must be auto, float32, bfloat16 or float16, got {self.dtype!r}")
        if self.quantize not in (None, "8bit", "4bit"):
            raise ValueError(f"quantize must be None, '8bit' or '4bit', got {self.quantize!r}")
        if self.batch_tokens < 1:
            raise ValueError(f"batch_tokens must be >= 1, got {self.batch_tokens}")

    def load(self, checkpoint: "Checkpoint") -> "Engine":
        """Load the weights into memory."""
        from bpo_model.engines.transformers import TransformersEngine

        return TransformersEngine(checkpoint, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAICompatible:
    """A server that speaks OpenAI's API (vLLM, SGLang, llama-server, Ollama ...); needs the extra `openai`."""

    base_url: str
    """Such as http://localhost:8000/v1."""
    model: str
    """The name under which the server serves the checkpoint."""
    route: Literal["completions", "chat"] = "completions"
    """completions sends the checkpoint's own template byte for byte. Use chat only where the
    server has nothing else: it applies its template, which must then be the one of the training."""
    api_key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the key; the key itself is never stored."""
    concurrency: int = 32
    """Requests in flight."""
    timeout_s: float = 60.0
    """Seconds that one attempt may take; all attempts and pauses together have a limit that follows from it."""
    retries: int = 2
    """Further attempts after 408, 409, 429, 5xx or a lost connection, with back-off and Retry-After."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url must start with http:// or https://, got {self.base_url!r}")
        if self.route not in ("completions", "chat"):
            raise ValueError(f"route must be 'completions' or 'chat', got {self.route!r}")
        if self.concurrency < 1 or self.retries < 0 or not self.timeout_s > 0:
            raise ValueError(
                f"concurrency >= 1, retries >= 0 and timeout_s > 0 are needed, "
                f"got {self.concurrency}, {self.retries}, {self.timeout_s}"
            )

    def load(self, checkpoint: "Checkpoint") -> "Engine":
        """Make the client; connects with the first request."""
        from bpo_model.engines.openai import OpenAIEngine

        return OpenAIEngine(self)
