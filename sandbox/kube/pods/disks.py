"""What lies on the volumes of pods: a small document for each, since nothing really runs.

A claim's content outlives its pods; what a pod keeps for itself (``emptyDir``) goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.eventlog import Event
from sandbox.kube.jsonutil import thaw
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS, PODS
from sandbox.kube.store import Store

Json = dict[str, Any]


class Disks:
    """The content of every volume of a cluster, by the volume's identity."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._content: dict[str, Json] = {}
        self._end: Callable[[], None] = store.subscribe(self._changed)

    def close(self) -> None:
        """Stop following the store."""
        self._end()

    def read(self, key: str) -> Json:
        """Return a copy of a volume's content; empty when nothing was written."""
        copy: Json = thaw(self._content.get(key, {}))
        return copy

    def write(self, key: str, content: Json) -> None:
        """Replace a volume's content."""
        if content:
            self._content[key] = thaw(content)
        else:
            self._content.pop(key, None)

    def key(self, pod: Json, volume: str) -> str:
        """Return the identity of a pod's volume: its claim's uid, or one within the pod."""
        for candidate in pod["spec"].get("volumes") or ():
            claim = candidate.get("persistentVolumeClaim")
            if candidate["name"] == volume and claim:
                found = self.claim(pod["metadata"]["namespace"], claim["claimName"])
                if found:
                    return found
        return f"{pod['metadata']['uid']}/{volume}"

    def claim(self, namespace: str, name: str) -> str:
        """Return the identity of a claim's volume; empty when there is no such claim."""
        found = self._store.peek(PERSISTENTVOLUMECLAIMS, namespace, name)
        return "" if found is None else str(found["metadata"]["uid"])

    def mounted(self, pod: Json, container: Json, path: str) -> str:
        """Return the identity of the volume at a path of a container; empty without one."""
        for mount in container.get("volumeMounts") or ():
            root = mount["mountPath"].rstrip("/")
            if path == root or path.startswith(f"{root}/"):
                return self.key(pod, mount["name"])
        return ""

    def _changed(self, event: Event) -> None:
        if event.type != "DELETED":
            return
        uid = event.object["metadata"]["uid"]
        if event.resource.key == PERSISTENTVOLUMECLAIMS.key:
            self._content.pop(uid, None)
        elif event.resource.key == PODS.key:
            for key in [k for k in self._content if k.startswith(f"{uid}/")]:
                del self._content[key]
