"""What can go wrong, as exceptions that say what was got and what to do.

Each derives from `BPOError` and from the builtin that a caller would expect.
"""


class BPOError(Exception):
    """Root of all errors that this package raises on purpose."""


class PromptError(BPOError, ValueError):
    """The prompt is not text or a list of messages."""


class ModelLoadError(BPOError, OSError):
    """The model files are missing, damaged or not usable by the chosen engine."""


class GenerationError(BPOError, RuntimeError):
    """The engine could not produce a rewrite."""


class MissingDependencyError(BPOError, ImportError):
    """An optional dependency is not installed; the message holds the command."""
