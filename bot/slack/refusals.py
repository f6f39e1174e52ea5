"""What Slack says when it refuses a call."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

DEFAULT_WAIT = 1.0


def told(error: SlackApiError) -> tuple[str, int, float]:
    """The error code (or the HTTP status in words), the status, and the seconds to wait.

    slack_sdk 3.47 attaches its own response, whose data may be a page of text, or aiohttp's.
    """
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    headers = getattr(response, "headers", None) or {}
    try:
        seconds = max(0.0, float(headers.get("Retry-After") or DEFAULT_WAIT))
    except ValueError:
        seconds = DEFAULT_WAIT
    return code or f"HTTP {status}", status, seconds
