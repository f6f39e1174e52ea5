"""Notifications: what Alertmanager posts to a webhook, and what it makes of the answer.

Facts: `notify/webhook/webhook.go` and `template/template.go` of Alertmanager v0.31.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import aiohttp

from sandbox.alertmanager.alerts import NEVER, Alert, stamp
from sandbox.alertmanager.groups import Group
from sandbox.alertmanager.timing import Receiver
from sandbox.kube.jsonutil import Json

VERSION = "0.31.1"
"""The Alertmanager whose behaviour is followed."""
_TIMEOUT = aiohttp.ClientTimeout(total=30)


def payload(group: Group, alerts: Sequence[Alert], receiver: Receiver, external_url: str) -> Json:
    """The body of a webhook, version 4.

    Args:
        group: Whose it is.
        alerts: What is told, in order.
        receiver: Who is told.
        external_url: Where Alertmanager is.
    """
    most = receiver.max_alerts
    left_out = max(0, len(alerts) - most) if most else 0
    alerts = alerts[:most] if most else alerts
    firing = any(alert.ends == NEVER for alert in alerts)
    return {
        # Go's `regexp.QuoteMeta`.
        "receiver": re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", receiver.name),
        "status": "firing" if firing else "resolved",
        "alerts": [_told(alert) for alert in alerts],
        "groupLabels": _ordered(group.labels.items()),
        "commonLabels": _common([alert.labels for alert in alerts]),
        "commonAnnotations": _common([alert.annotations for alert in alerts]),
        "externalURL": external_url,
        "version": "4",
        "groupKey": group.key,
        "truncatedAlerts": left_out,
    }


def _told(alert: Alert) -> Json:
    return {
        "status": "firing" if alert.ends == NEVER else "resolved",
        "labels": _ordered(alert.labels.items()),
        "annotations": _ordered(alert.annotations.items()),
        "startsAt": stamp(alert.starts),
        "endsAt": stamp(alert.ends),
        "generatorURL": alert.generator,
        "fingerprint": alert.fingerprint,
    }


def _ordered(pairs: object) -> dict[str, str]:
    return dict(sorted(pairs))  # type: ignore[call-overload]


def _common(sets: Sequence[object]) -> dict[str, str]:
    first, *others = (set(one.items()) for one in sets)  # type: ignore[attr-defined]
    return _ordered(first.intersection(*others))


class Sender:
    """Posts notifications; close it at the end."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, receiver: Receiver, body: Json) -> tuple[bool, bool]:
        """Tell a receiver; returns whether it took it, and if not, whether to try again."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        headers = {"Content-Type": "application/json", "User-Agent": f"Alertmanager/{VERSION}"}
        if receiver.token:
            headers["Authorization"] = f"Bearer {receiver.token}"
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            async with self._session.post(
                receiver.url, data=data.encode(), headers=headers
            ) as answer:
                await answer.read()
                return answer.status // 100 == 2, answer.status // 100 == 5
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False, True
