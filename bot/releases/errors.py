"""Failures of other systems as words inside an answer that goes on."""

from __future__ import annotations

from bot.errors import OnpremError


def as_words(error: Exception, *, hint: bool = False) -> str:
    """The sentence of a known failure.

    Args:
        error: The failure.
        hint: Whether to say what to do next as well; there is no room for it in a table.

    Raises:
        Exception: The error itself, when it is not one of ours: a bug is not an answer.
    """
    from integrations.errors import IntegrationError

    if isinstance(error, IntegrationError):
        return str(error) if hint else error.message
    if isinstance(error, OnpremError):
        return str(error)
    raise error
