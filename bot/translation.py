"""Any exception → one that a person can act on; what has no name is logged under a reference."""

from __future__ import annotations

import secrets

import structlog

from bot.errors import Failed, OnpremError
from integrations.errors import IntegrationError

log = structlog.get_logger(__name__)


def translate(error: Exception) -> OnpremError:
    """Returns the failure to show.

    Failures of outside systems keep their sentence and hint. Anything unforeseen becomes a
    reference id, under which the log has the traceback.
    """
    if isinstance(error, OnpremError):
        return error
    if isinstance(error, IntegrationError):
        what, _, why = error.message.partition(": ")
        return Failed(what.rstrip("."), why=why, hint=error.hint, detail=error.detail)
    if isinstance(error, TimeoutError):
        return Failed(
            "It took too long",
            why="a system did not answer in time",
            hint="`check` tells which systems answer",
        )
    reference = secrets.token_hex(4)
    log.error("unexpected error", reference=reference, exc_info=error)
    return Failed(
        "Something unexpected went wrong in the bot itself",
        why=f"a {type(error).__name__}",
        hint=f"The log has it under reference {reference}",
    )
