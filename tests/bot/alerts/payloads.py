"""Notifications as Alertmanager posts them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NEVER = "0001-01-01T00:00:00Z"


def stamp(at: int) -> str:
    """Microseconds as Go writes a time."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def alert(
    at: int,
    *,
    ended: int = 0,
    annotations: Mapping[str, str] | None = None,
    source: str = "http://prometheus.example/graph?g0.expr=up",
    **labels: str,
) -> dict[str, Any]:
    named = {"alertname": "PodsNotReady", "severity": "critical", "namespace": "parse", **labels}
    text = json.dumps(named, sort_keys=True)
    return {
        "status": "resolved" if ended else "firing",
        "labels": named,
        "annotations": dict(annotations or {"summary": "Pods are not ready."}),
        "startsAt": stamp(at),
        "endsAt": stamp(ended) if ended else NEVER,
        "generatorURL": source,
        "fingerprint": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def payload(*alerts: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    firing = any(a["status"] == "firing" for a in alerts)
    labels = changes.pop("labels", {"alertname": "PodsNotReady", "namespace": "parse"})
    body = {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{k}="{v}"' for k, v in labels.items()) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "onprem",
        "groupLabels": labels,
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
    }
    return {**body, **changes}


def body(*alerts: Mapping[str, Any], **changes: Any) -> bytes:
    return json.dumps(payload(*alerts, **changes)).encode()
