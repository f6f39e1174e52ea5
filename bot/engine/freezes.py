"""Times in which nothing may change, as the configuration says."""

from __future__ import annotations

from bot.engine.parts import Parts
from bot.errors import Busy
from bot.locks import LockPath, conflicts
from bot.store.requests import Request


def frozen(parts: Parts, request: Request) -> Busy | None:
    """Why a request must not run now; None when no freeze touches it."""
    at = parts.clock() / 1_000_000
    for freeze in parts.config().freezes:
        place = LockPath.of(request.cluster, request.namespace, request.app)
        where = LockPath(tuple(freeze.target.split("/"))) if freeze.target else None
        touched = where is None or conflicts(where, place)
        if touched and freeze.start.timestamp() <= at < freeze.end.timestamp():
            what, until = freeze.target or "Everything", f"{freeze.end:%Y-%m-%d %H:%M %Z}"
            return Busy(
                f"{what} is frozen until {until}",
                why=freeze.reason,
                hint="Wait, or have an administrator change the freeze in the configuration",
            )
    return None
