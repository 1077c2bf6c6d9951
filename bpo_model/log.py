"""Logging without the user's words."""

import logging


def log_failure(logger: logging.Logger, message: str, error: BaseException) -> None:
    """Say that something failed, and how it is called; its text and traceback, which may quote a prompt, at DEBUG."""
    logger.error("%s: %s (its text and traceback at DEBUG)", message, type(error).__name__)
    logger.debug("%s", message, exc_info=error)
