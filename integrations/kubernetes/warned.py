"""What a cluster warns of: events, grouped by their reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import EVENT
from integrations.kubernetes.models import Object


@dataclass(frozen=True, slots=True)
class Warnings:
    """Events of one sort.

    Attributes:
        times: How often it happened.
        objects: What it happened to, ``Pod shop/web-1``, the latest first.
        message: The newest one's.
        last: Microseconds UTC.
    """

    reason: str
    times: int
    objects: tuple[str, ...]
    message: str
    last: int


async def warnings(
    client: KubeClient, namespaces: Sequence[str], *, everywhere: bool
) -> list[Object]:
    """The events that warn, as they are.

    Args:
        client: Where.
        namespaces: Of which.
        everywhere: These are all namespaces.
    """
    fields = {"type": "Warning"}
    if everywhere:
        return (await client.list(EVENT, fields=fields)).items
    lists = await asyncio.gather(*(client.list(EVENT, ns, fields=fields) for ns in namespaces))
    return [event for one in lists for event in one.items]


def grouped(events: Iterable[Object], since: float) -> tuple[Warnings, ...]:
    """Events since a moment (seconds since 1970) by their reason, what happens most first."""
    groups: dict[tuple[str, str], list[Object]] = {}
    for event in events:
        if happened_at(event) >= since:
            kind = str((event.get("involvedObject") or {}).get("kind") or "")
            groups.setdefault((str(event.get("reason") or "Unknown"), kind), []).append(event)
    found = [_group(reason, sorted(ones, key=happened_at)) for (reason, _), ones in groups.items()]
    return tuple(sorted(found, key=lambda group: (-group.times, -group.last)))


def _group(reason: str, events: list[Object]) -> Warnings:
    newest = events[-1]
    return Warnings(
        reason,
        sum(_times(event) for event in events),
        tuple(dict.fromkeys(_about(event) for event in reversed(events))),
        " ".join(str(newest.get("message") or "").split()),
        round(happened_at(newest) * 1_000_000),
    )


def _times(event: Object) -> int:
    series: Mapping[str, Any] = event.get("series") or {}
    return max(int(event.get("count") or 0), int(series.get("count") or 0), 1)


def happened_at(event: Object) -> float:
    """When an event happened last, seconds since 1970; 0 when it does not say."""
    series: Mapping[str, Any] = event.get("series") or {}
    meta = event.get("metadata") or {}
    for text in (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        meta.get("creationTimestamp"),
    ):
        if text:
            return seconds(str(text))
    return 0.0


def _about(event: Object) -> str:
    one: Mapping[str, Any] = event.get("involvedObject") or {}
    path = "/".join(str(one[key]) for key in ("namespace", "name") if one.get(key))
    return f"{one.get('kind') or 'Object'} {path}"


def seconds(text: str) -> float:
    """Seconds since 1970 of a time as Kubernetes writes it; 0 when it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
