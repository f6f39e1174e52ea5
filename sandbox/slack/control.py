"""Driving the practice Slack from another process: bursts, failures, limits, reconnects."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.slack.delivery import Delivery
from sandbox.slack.entities import JSON
from sandbox.slack.errors import Refused
from sandbox.slack.faults import Fault
from sandbox.slack.guard import LOOPBACK
from sandbox.slack.limits import Limits

if TYPE_CHECKING:
    from sandbox.slack.server import SlackServer


async def burst(server: SlackServer, body: JSON) -> JSON:
    """Type many commands at one instant, or evenly at `per_second`; give every delivery.

    `commands` is a list of `{user, channel, text}`.
    """
    rate = float(body.get("per_second") or 0)
    clock = server.core.clock
    start = clock.monotonic()

    async def one(number: int, command: JSON) -> Delivery:
        if rate:
            await clock.sleep(max(0.0, start + number / rate - clock.monotonic()))
        return await server.slash(command["user"], command["channel"], str(command["text"]))

    commands = list(enumerate(body["commands"]))
    deliveries = await asyncio.gather(*(one(number, command) for number, command in commands))
    return {"deliveries": [delivery.to_json() for delivery in deliveries]}


async def control(server: SlackServer, body: JSON) -> JSON:
    """Change how Slack behaves; every key is optional.

    `away`: unreachable or not. `faults`: failures to add (fields of `Fault`). `clear_faults`.
    `limits`: fields of `Limits` to set. `refresh`: the reason of a disconnect to send to every
    socket. `cut`: break every socket. `request_url`: deliver over HTTP (null: Socket Mode).
    `commands`: slash commands of the app. `clear_stats`.

    Raises:
        Refused: an unknown key or a value that makes no sense.
    """
    known = set(_ACTS) | {"limits", "faults"}
    if unknown := set(body) - known:
        raise Refused(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    for name, value in (body.get("limits") or {}).items():
        _set_limit(server.limits, name, value)
    for entry in body.get("faults") or []:
        server.faults.add(Fault(**entry))
    for name, act in _ACTS.items():
        if name in body:
            await act(server, body[name])
    return {
        "limits": {f.name: getattr(server.limits, f.name) for f in fields(Limits)},
        "faults": [vars(fault) for fault in server.faults.pending],
        "away": server.faults.away,
        "sockets": len(server.core.hub.sockets),
    }


def _set_limit(limits: Limits, name: str, value: object) -> None:
    if name not in {f.name for f in fields(Limits)}:
        raise Refused(f"there is no limit called {name!r}")
    if name == "tiers" and isinstance(value, dict):
        value = {int(tier): int(calls) for tier, calls in value.items()}
    setattr(limits, name, value)


async def _away(server: SlackServer, value: object) -> None:
    await server.core.set_away(bool(value))


async def _clear_faults(server: SlackServer, value: object) -> None:
    if value:
        server.faults.pending.clear()


async def _refresh(server: SlackServer, value: object) -> None:
    await server.core.hub.refresh(str(value))


async def _cut(server: SlackServer, value: object) -> None:
    if value:
        await server.core.hub.cut()


async def _request_url(server: SlackServer, value: object) -> None:
    if value is not None and urlsplit(str(value)).hostname not in LOOPBACK:
        raise Refused("the request URL has to be on this machine's loopback")
    server.workspace.app.request_url = None if value is None else str(value)


async def _commands(server: SlackServer, value: object) -> None:
    if not isinstance(value, list) or not all(str(v).startswith("/") for v in value):
        raise Refused("commands is a list of names that begin with a slash")
    server.workspace.app.commands = {str(v) for v in value}


async def _clear_stats(server: SlackServer, value: object) -> None:
    if value:
        server.core.courier.clear()


_ACTS = {
    "away": _away,
    "clear_faults": _clear_faults,
    "clear_stats": _clear_stats,
    "commands": _commands,
    "cut": _cut,
    "refresh": _refresh,
    "request_url": _request_url,
}
