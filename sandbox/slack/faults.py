"""Failures on request: what a test, the tour or a benchmark wants Slack to get wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["ratelimited", "http_500", "hang", "drop", "drop_after", "hang_after", "error"]


@dataclass
class Fault:
    """One failure to inject into Web API calls.

    `kind`: `ratelimited` answers 429, `http_500` an HTTP error, `hang` never answers, `drop` cuts
    the connection before acting, `drop_after` acts and then cuts it (the caller cannot know),
    `hang_after` acts and then never answers,
    `error` answers `{"ok": false, "error": code}`.
    `method` "*" means any; `times` None means until it is removed.
    """

    kind: Kind
    method: str = "*"
    times: int | None = 1
    retry_after: int = 1
    code: str = "fatal_error"


@dataclass
class Faults:
    """The failures that are waiting to happen."""

    pending: list[Fault] = field(default_factory=list)
    away: bool = False
    """While true every connection is cut: Slack cannot be reached at all."""

    def add(self, fault: Fault) -> Fault:
        """Let `fault` happen to the next matching calls."""
        self.pending.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Let it happen no more."""
        if fault in self.pending:
            self.pending.remove(fault)

    def clear(self) -> None:
        """No failures any more."""
        self.pending.clear()
        self.away = False

    def take(self, method: str) -> Fault | None:
        """The failure that hits this call, if any; counts it."""
        for fault in self.pending:
            if fault.method not in ("*", method):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.pending.remove(fault)
            return fault
        return None
