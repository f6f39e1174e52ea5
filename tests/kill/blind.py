"""The shipped changes with looks that always say "not yet", as a module of users' own commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bot.registry import COMMANDS as SHIPPED
from bot.spec import Command, Effect


class Blind:
    """An operation whose looks see nothing."""

    def __init__(self, op: Any) -> None:
        self._op = op

    def __getattr__(self, name: str) -> Any:
        return getattr(self._op, name)

    async def step(self, name: str, do: Any, *, done: Any, **options: Any) -> Any:
        return await self._op.step(name, do, done=_not_yet, **options)


async def _not_yet() -> None:
    return None


def _blinded(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def blindly(ctx: Any, p: Any, op: Any) -> Any:
        return await run(ctx, p, Blind(op))

    return blindly


def blind(*names: str) -> tuple[Command[Any, Any], ...]:
    """Shipped changes under their names, with `blind-` before."""
    return tuple(
        replace(command, name=f"blind-{command.name}", aliases=(), run=_blinded(command.run))
        for command in SHIPPED
        if command.effect is Effect.CHANGE and command.name in names
    )


COMMANDS = blind(
    *("deploy", "rollback", "scale", "restart", "uninstall", "backup create", "backup delete"),
    *("backup schedule create", "backup schedule delete"),
)
