"""The one error that every integration's own tree grows from."""

from __future__ import annotations


class IntegrationError(Exception):
    """An outside system failed or refused.

    Attributes:
        message: One English sentence: what failed and why.
        hint: What to do next; may be empty.
        detail: The raw text of the outside system, for the log. Never the only answer.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()
