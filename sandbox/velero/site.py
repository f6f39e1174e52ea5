"""What all parts of the practice Velero share: the cluster, the store, the time."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.kube.clock import timestamp
from sandbox.kube.pods.disks import Disks
from sandbox.kube.resources import PODS, Resource
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store
from sandbox.velero.artefacts import Artefacts
from sandbox.velero.definitions import LOCATIONS
from sandbox.velero.faults import Faults
from sandbox.velero.objectstore import ObjectStore
from sandbox.velero.tempo import Tempo

Json = dict[str, Any]
Exec = Callable[[Json, str, list[str]], Awaitable[ExecResult]]

NAMESPACE = "velero"
VERSION = "v1.18.3"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(slots=True)
class Site:
    """One cluster's Velero.

    Attributes:
        store: The cluster's objects.
        objects: The object store, maybe shared with another cluster.
        disks: What lies on volumes.
        exec: Runs a command in a pod's container.
        tempo: How long things take.
        faults: What goes wrong.
        kube_version: The version that the cluster's API says it has.
    """

    store: Store
    objects: ObjectStore
    disks: Disks
    exec: Exec
    tempo: Tempo = field(default_factory=Tempo)
    faults: Faults = field(default_factory=Faults)
    kube_version: str = "v1.35.4"

    def now(self) -> datetime:
        """The present."""
        return self.store.clock()

    def stamp(self) -> str:
        """The present as the API writes it."""
        return timestamp(self.store.clock())

    def peek(self, resource: Resource, name: str) -> Json | None:
        """One of Velero's own objects, for reading only."""
        return self.store.peek(resource, NAMESPACE, name)

    def patch(self, resource: Resource, name: str, change: Callable[[Json], object]) -> Json | None:
        """Change one of Velero's own objects; None if it is gone."""
        copy = self.store.find(resource, NAMESPACE, name)
        if copy is None:
            return None
        change(copy)
        return self.store.update(resource, copy)

    def create(self, resource: Resource, name: str, **parts: Any) -> Json:
        """Make one of Velero's own objects; a name that ends in ``-`` is completed."""
        meta = dict(parts.pop("metadata", {}))
        meta["generateName" if name.endswith("-") else "name"] = name
        return self.store.create(resource, {"metadata": {**meta, "namespace": NAMESPACE}, **parts})

    async def pause(self, seconds: float) -> None:
        """Let time pass; always lets others run."""
        await asyncio.sleep(seconds)

    async def until(self, look: Callable[[], Any], seconds: float) -> Any:
        """Wait for something true, asked again after every change; None when time is up."""
        changed = asyncio.Event()
        end = self.store.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(seconds):
                while not (found := look()):
                    changed.clear()
                    await changed.wait()
                return found
        except TimeoutError:
            return None
        finally:
            end()

    def artefacts(self, location: Json) -> Artefacts:
        """The store of a location."""
        spec = location["spec"]
        where = spec.get("objectStorage") or {}
        config = spec.get("config") or {}
        url, public = (config.get(key, "").rstrip("/") for key in ("s3Url", "publicUrl"))
        bucket, prefix = where.get("bucket", ""), where.get("prefix", "")
        return Artefacts(self.objects, url, bucket, prefix, public)

    def location(self, name: str) -> Json | None:
        """A location, for reading only."""
        return self.peek(LOCATIONS, name)

    def agent_runs_on(self, node: str) -> bool:
        """Whether the node agent, which copies volumes, runs on a node."""
        return any(
            pod["spec"].get("nodeName") == node
            and (pod.get("status") or {}).get("phase") == "Running"
            and (pod["metadata"].get("labels") or {}).get("role") == "node-agent"
            for pod in self.store.scan(PODS, NAMESPACE)
        )


def available(location: Json) -> bool:
    """Whether a location was usable at the last look."""
    return bool((location.get("status") or {}).get("phase") == "Available")


def label_value(name: str) -> str:
    """A name as a label's value: long ones are cut and marked, as ``pkg/label`` does."""
    if len(name) <= 63:
        return name
    return name[:57] + hashlib.sha256(name.encode()).hexdigest()[:6]


def duration(text: str | None, missing: float) -> float:
    """Read a Go duration such as ``1h30m0s`` into seconds; ``missing`` for none or zero."""
    if not text:
        return missing
    found = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return found or missing


def go_duration(seconds: float) -> str:
    """Write seconds as Go does: ``720h0m0s``."""
    whole = timedelta(seconds=int(seconds))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s"
