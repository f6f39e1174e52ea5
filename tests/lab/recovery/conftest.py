"""A lab of its own with the real Velero and a store, and the bot with few rights in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.world import parse_app
from tests.cluster.fixtures import need
from tests.cluster.lab import SERVERS, Json, Lab
from tests.cluster.recovery import PATH, TOOLS, ObjectStore, VeleroServer
from tests.kill.bots import Bot, Ran
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


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """For these tests alone: they stop it."""
    need([*SERVERS, *TOOLS])
    with ObjectStore.started(tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture(scope="package")
def ward(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ward_in(tmp_path_factory.mktemp("ward"), store) as made:
        yield made


@pytest.fixture(scope="package")
def spare(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Another cluster on the same store."""
    with ward_in(tmp_path_factory.mktemp("spare"), store) as made:
        yield made


class Desk:
    """A bot that is asked, and what it says as one line."""

    def __init__(self, ward: Ward, config: Path) -> None:
        self.ward, self.config = ward, config
        self.bots: list[Bot] = []
        self.bot = self.start()

    def start(self) -> Bot:
        """A bot on this state; it first ends what an earlier one left."""
        self.bot = Bot(self.config).ready()
        self.bots.append(self.bot)
        return self.bot

    def ask(self, *words: str, within: float = 60) -> tuple[str, str]:
        return self.read(self.bot.ask(*words), within)

    @staticmethod
    def read(ran: Ran, within: float = 60) -> tuple[str, str]:
        """How it ended and what a person reads, checked for what must never be."""
        assert ran.told is not None
        text = " ".join(ran.told["text"].split())
        assert "Traceback" not in text, text
        assert "Something unexpected" not in text, text
        assert ran.told["took"] < within, (ran.told["took"], text)
        return ran.told["state"], text

    def works(self, *words: str) -> str:
        state, text = self.ask(*words)
        assert state in ("done", "answered"), text
        return text

    def fails(self, *words: str, within: float = 60) -> str:
        state, text = self.ask(*words, within=within)
        assert state != "done", text
        return text

    def back_up(self) -> str:
        """A new backup of the app; returns its name."""
        before = set(self.ward.velero_has("backups"))
        self.works("backup", "create", "parse")
        (name,) = set(self.ward.velero_has("backups")) - before
        return name

    def close(self) -> None:
        for bot in self.bots:
            bot.close()


@pytest.fixture
def desk(ward: Ward, tmp_path: Path) -> Iterator[Desk]:
    """A bot on the ward; the namespace is as at the start afterwards."""
    made = Desk(ward, ward.config(tmp_path))
    yield made
    made.close()
    ward.rebuild()


@pytest.fixture
def parse(desk: Desk) -> Desk:
    """The same with the app deployed."""
    assert "is running on main" in desk.works("deploy", "parse")
    return desk
