"""Where disasters happen: a lab with the real Velero and a store, and the bot with few rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.world import parse_app
from tests.cluster.lab import Json, Lab
from tests.cluster.recovery import PATH, ObjectStore, VeleroServer
from tests.lab.grounds import NAMESPACE, ROOT, Grounds, grounds_on, kubectl, wait_for

RIGHTS = [str(ROOT / "deploy" / name) for name in ("rbac.yaml", "rbac-recovery.yaml")]


@dataclass(frozen=True)
class Ward:
    """Where disasters happen: a lab, its Velero, the store.

    Attributes:
        grounds: The lab, with the namespace of the app and the bot's account.
        velero: Its server.
        store: Where backups lie.
    """

    grounds: Grounds
    velero: VeleroServer
    store: ObjectStore

    @property
    def lab(self) -> Lab:
        return self.grounds.lab

    def config(self, directory: Path, **settings: Any) -> Path:
        """A configuration whose app has nothing that only real kubelets could do."""
        app = parse_app(["main"]) | {
            # A namespace ends no sooner than half of its pods' grace is over.
            "values": {
                "terminationGracePeriodSeconds": 6,
                "mongodb": {"backup": {"enabled": False}, "terminationGracePeriodSeconds": 1},
            },
            "backup": {
                "name": "parseserver-backup",
                "selector": "app=parseserver",
                "volumes": "none",
            },
            "probes": [],
        }
        return self.grounds.config(directory, **{"apps": {"parse": app}, **settings})

    def velero_has(self, plural: str) -> dict[str, Json]:
        """Velero's objects of a kind by name."""
        items = self.lab.api("GET", f"{PATH}/{plural}")["items"]
        return {item["metadata"]["name"]: item for item in items}

    def namespaces(self) -> dict[str, Json]:
        items = self.lab.api("GET", "/api/v1/namespaces")["items"]
        return {item["metadata"]["name"]: item for item in items}

    def destroy(self, namespace: str = NAMESPACE, *, quick: bool = True) -> None:
        """The disaster; of an emptied namespace it is over sooner."""
        if quick:
            self.grounds.clear()
        self.lab.api("DELETE", f"/api/v1/namespaces/{namespace}")
        wait_for(lambda: namespace not in self.namespaces(), f"{namespace} is gone")

    def rebuild(self) -> None:
        """The namespace as an administrator prepares it, empty."""
        if NAMESPACE not in self.namespaces():
            kubectl(self.lab, "create", "namespace", NAMESPACE)
        kubectl(self.lab, "apply", *(word for file in RIGHTS for word in ("-f", file)))
        self.grounds.clear()


@contextmanager
def ward_in(folder: Path, store: ObjectStore) -> Iterator[Ward]:
    """Start a lab with Velero on a store, with the rights of `deploy/`."""
    with (
        Lab.started(folder / "lab") as lab,
        VeleroServer.started(lab, store, folder / "velero") as velero,
        grounds_on(lab) as grounds,
    ):
        ward = Ward(grounds, velero, store)
        ward.rebuild()
        yield ward
