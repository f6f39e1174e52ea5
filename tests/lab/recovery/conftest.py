"""A lab of its own for disasters, and a bot on it that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.fixtures import need
from tests.cluster.lab import SERVERS
from tests.cluster.recovery import TOOLS, ObjectStore
from tests.kill.bots import Bot, Ran
from tests.lab.grounds import PATIENCE, wait_for
from tests.lab.recovery.ward import Ward, ward_in


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
        self.bot = Bot(self.config, patience=PATIENCE).ready()
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
        """Run a command that must fail, in time.

        A busy machine gets twice the seconds that are promised.
        """
        within *= 2
        state, text = self.ask(*words, within=within)
        assert state != "done", text
        return text

    def back_up(self) -> str:
        """A new backup of the app; returns its name."""
        before = set(self.ward.velero_has("backups"))
        # Velero looks at its storage once a minute, and on a busy machine a look can fail.
        wait_for(self._stored, "the storage is available")
        self.works("backup", "create", "parse")
        (name,) = set(self.ward.velero_has("backups")) - before
        return name

    def _stored(self) -> bool:
        home = "/apis/velero.io/v1/namespaces/velero/backupstoragelocations"
        found = self.ward.lab.api("GET", f"{home}/default")
        return bool(found.get("status", {}).get("phase") == "Available")

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
