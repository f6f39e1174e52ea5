"""Logging: JSON lines on standard error, secrets removed."""

from __future__ import annotations

import logging
import sys

import structlog

from bot.redaction import Redactor


def configure_logging(*, quiet: bool = False, redactor: Redactor | None = None) -> None:
    """Sets up structlog and the standard library's logging once, at the start of a process.

    Args:
        quiet: Only errors, for a terminal.
        redactor: Removes secrets; one with only patterns when None.
    """
    level = logging.ERROR if quiet else logging.INFO
    hide = (redactor or Redactor()).processor
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.ERROR if quiet else logging.WARNING, stream=sys.stderr)
