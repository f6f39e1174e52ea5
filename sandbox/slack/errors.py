"""The two ways in which the practice Slack says no."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """A Web API refusal; becomes `{"ok": false, "error": code, …}` as Slack writes it."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra

    @classmethod
    def invalid(cls, code: str, problems: list[str]) -> SlackError:
        """A refusal that names each problem, in the three places where Slack repeats them."""
        messages = [f"[ERROR] {problem}" for problem in problems]
        return cls(code, errors=problems, response_metadata={"messages": messages})

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"ok": False, "error": self.code, **self.extra}


class RateLimited(SlackError):
    """HTTP 429 with `Retry-After`."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after


class Refused(Exception):
    """What a person's Slack client would not let them do (no such button, an empty field …).

    `fields` maps a `block_id` to what is wrong with it, for modals.
    """

    def __init__(self, reason: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.fields = fields or {}
