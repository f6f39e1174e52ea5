"""Events as the real components write them: repeated ones counted, floods cut, old ones dropped."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from sandbox.kube.clock import timestamp
from sandbox.kube.controllers.meta import Json
from sandbox.kube.errors import ApiError
from sandbox.kube.resources import EVENTS
from sandbox.kube.store import Store

KEPT = 5000
"""Events kept at most; a real cluster drops them after an hour."""
BURST = 600
"""Normal events one source may write at once …"""
PER_SECOND = 50.0
"""… and per second from then on (the kubelet's ``eventRecordQPS``)."""

_SeriesKey = tuple[str, str, str, str]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Recorder:
    """Writes events about objects.

    Normal events beyond a source's rate are left out, as the kubelet leaves them out;
    warnings are always written.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._series: OrderedDict[_SeriesKey, tuple[str, str]] = OrderedDict()
        self._buckets: dict[str, _Bucket] = {}
        self._count = 0

    def normal(
        self, about: Json, reason: str, message: str, *, source: str, host: str = ""
    ) -> None:
        """Record that something went as it should."""
        self._record(about, "Normal", reason, message, source, host)

    def warning(
        self, about: Json, reason: str, message: str, *, source: str, host: str = ""
    ) -> None:
        """Record that something did not."""
        self._record(about, "Warning", reason, message, source, host)

    def _record(
        self, about: Json, kind: str, reason: str, message: str, source: str, host: str
    ) -> None:
        now = self._store.clock()
        key = (about["metadata"]["uid"], source, reason, message)
        if key in self._series and self._repeat(key, now):
            return
        if kind == "Normal" and not self._allowed(f"{source}/{host}", now):
            return
        self._create(key, about, kind, reason, message, source, host, now)

    def _allowed(self, source: str, now: datetime) -> bool:
        bucket = self._buckets.setdefault(source, _Bucket(BURST, now))
        passed = (now - bucket.at).total_seconds()
        bucket.tokens = min(BURST, bucket.tokens + passed * PER_SECOND)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _repeat(self, key: _SeriesKey, now: datetime) -> bool:
        namespace, name = self._series[key]
        event = self._store.find(EVENTS, namespace, name)
        if event is None:
            del self._series[key]
            return False
        event["count"] = event.get("count", 1) + 1
        event["lastTimestamp"] = timestamp(now)
        self._store.update(EVENTS, event)
        self._series.move_to_end(key)
        return True

    def _create(
        self,
        key: _SeriesKey,
        about: Json,
        kind: str,
        reason: str,
        message: str,
        source: str,
        host: str,
        now: datetime,
    ) -> None:
        meta = about["metadata"]
        namespace = meta.get("namespace") or "default"
        self._count += 1
        name = f"{meta['name']}.{int(now.timestamp() * 1e6):x}{self._count % 65536:04x}"
        involved = {
            "kind": about["kind"],
            "namespace": meta.get("namespace"),
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": meta.get("resourceVersion"),
        }
        event: Json = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {k: v for k, v in involved.items() if v},
            "reason": reason,
            "message": message[:1024],
            "source": {"component": source, **({"host": host} if host else {})},
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": source,
            "reportingInstance": host,
        }
        try:
            self._store.create(EVENTS, event)
        except ApiError as error:
            if error.reason in ("NotFound", "Forbidden"):  # its namespace is going away
                return
            raise
        self._series[key] = (namespace, name)
        while len(self._series) > KEPT:
            _, (old_namespace, old_name) = self._series.popitem(last=False)
            if self._store.peek(EVENTS, old_namespace, old_name) is not None:
                self._store.delete(EVENTS, old_namespace, old_name)
