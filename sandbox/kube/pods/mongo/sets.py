"""The replica sets of a cluster: one per StatefulSet whose pods run ``mongod``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.clock import parse_timestamp
from sandbox.kube.eventlog import Event
from sandbox.kube.pods import network
from sandbox.kube.pods.mongo.members import ReplicaSet, Server
from sandbox.kube.pods.mongo.rules import PORT
from sandbox.kube.pods.mongo.server import Connection
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS, PODS, SERVICES
from sandbox.kube.store import Store

Json = dict[str, Any]
_Home = tuple[str, str]


def is_mongo(container: Json) -> bool:
    """Whether a container's image brings ``mongod`` and ``mongosh``."""
    name = container["image"].partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
    return name in ("mongo", "mongodb-community-server", "mongodb-enterprise-server")


def mongod_of(pod: Json) -> Json | None:
    """Return the container of a pod that runs ``mongod``, if any."""
    for container in pod["spec"]["containers"]:
        words = [*(container.get("command") or ["mongod"]), *(container.get("args") or ())]
        if is_mongo(container) and "mongod" in " ".join(words):
            return container  # type: ignore[no-any-return]
    return None


class Sets:
    """All replica sets; they follow the pods by the store's events."""

    def __init__(self, store: Store, *, sync: float = 0.0) -> None:
        """Follow a store.

        Args:
            store: The cluster's objects.
            sync: Seconds a new member copies data before it is a secondary.
        """
        self._store, self._sync = store, sync
        self._sets: dict[_Home, ReplicaSet] = {}
        self._end: Callable[[], None] = store.subscribe(self._changed)

    def close(self) -> None:
        """Stop following the store."""
        self._end()

    def _changed(self, event: Event) -> None:
        if event.resource is PODS and mongod_of(event.object) is not None:
            home = _home(event.object)
            if home in self._sets:
                self._observe(home)

    def of(self, pod: Json) -> ReplicaSet:
        """Return the replica set a pod belongs to, up to date."""
        home = _home(pod)
        if home not in self._sets:
            now = lambda: self._store.clock().timestamp()  # noqa: E731
            self._sets[home] = ReplicaSet(now, self._sync)
        self._observe(home)
        return self._sets[home]

    def connection(self, pod: Json, *, local: bool = True) -> Connection | None:
        """Connect to the ``mongod`` of a pod; None if it does not run."""
        server = self._server(pod)
        container = mongod_of(pod)
        if server is None or container is None:
            return None
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        guarded = any(word.startswith(("--keyFile", "--auth")) for word in words)
        return Connection(server, self.of(pod), guarded, local)

    def at(self, host: str, namespace: str) -> Connection | None:
        """Connect to the ``mongod`` at a host of the cluster; None if nobody answers."""
        found = network.connect(self._store, host.partition(":")[0], namespace)
        return self.connection(found.pods[0], local=False) if found.pods else None

    def _observe(self, home: _Home) -> None:
        up = []
        for pod in self._store.scan(PODS, home[0]):
            if mongod_of(pod) is not None and _home(pod) == home:
                server = self._server(pod)
                if server is not None:
                    up.append(server)
        self._sets[home].observe(up)

    def _server(self, pod: Json) -> Server | None:
        container = mongod_of(pod)
        if container is None or not network.running(self._store, pod):
            return None
        meta, spec = pod["metadata"], pod["spec"]
        name = spec.get("hostname") or meta["name"]
        hosts: set[str] = set()
        service = spec.get("subdomain")
        if service and self._store.peek(SERVICES, meta["namespace"], service) is not None:
            base = f"{name}.{service}"
            for tail in ("", f".{meta['namespace']}", f".{meta['namespace']}.svc",
                         f".{meta['namespace']}.svc.cluster.local"):  # fmt: skip
                hosts.add(f"{base}{tail}:{PORT}")
        else:
            hosts.add(f"{name}:{PORT}")
        started = (pod.get("status") or {}).get("startTime") or meta["creationTimestamp"]
        return Server(
            meta["name"],
            frozenset(hosts),
            self._data(pod, container),
            parse_timestamp(started).timestamp(),
            _set_name(container),
        )

    def _data(self, pod: Json, container: Json) -> str:
        """Identify the data directory: the claim behind it, or the pod itself."""
        volumes = {v["name"]: v for v in pod["spec"].get("volumes") or ()}
        for mount in container.get("volumeMounts") or ():
            claim = volumes.get(mount["name"], {}).get("persistentVolumeClaim")
            if claim and mount["mountPath"].startswith("/data"):
                found = self._store.peek(
                    PERSISTENTVOLUMECLAIMS, pod["metadata"]["namespace"], claim["claimName"]
                )
                if found is not None:
                    return str(found["metadata"]["uid"])
        return str(pod["metadata"]["uid"])


def _home(pod: Json) -> _Home:
    for ref in pod["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return pod["metadata"]["namespace"], ref["uid"]
    return pod["metadata"]["namespace"], pod["metadata"]["uid"]


def _set_name(container: Json) -> str:
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    words = " ".join(words).split()
    for index, word in enumerate(words):
        if word.startswith("--replSet="):
            return word.partition("=")[2]
        if word == "--replSet" and index + 1 < len(words):
            return words[index + 1]
    return ""
