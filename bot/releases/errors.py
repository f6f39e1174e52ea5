"""Failures of other systems as words inside an answer that goes on."""

from __future__ import annotations

from bot.errors import OnpremError


def as_words(error: Exception) -> str:
    """The sentence of a known failure.

    Raises:
        Exception: The error itself, when it is not one of ours: a bug is not an answer.
    """
    from integrations.errors import IntegrationError

    if isinstance(error, IntegrationError):
        return error.message
    if isinstance(error, OnpremError):
        return str(error)
    raise error
