"""A lab of its own, which these tests hurt, and the bot's sentences as a person reads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.fixtures import need
from tests.cluster.lab import SERVERS, Lab
from tests.kill.bots import Bot, Start
from tests.lab.conftest import Said, Site
from tests.lab.grounds import PATIENCE, Grounds, grounds_on

LINES = (
    ("status", "parse"),
    ("check",),
    ("deploy", "parse"),
    ("scale", "deployment/parse-server", "3", "--namespace", "parse"),
)
"""A read, the check, and two changes."""


@dataclass(frozen=True)
class Told:
    """How a command ended, and what a person reads, as one line.

    Attributes:
        seconds: How long it took, the start of its process included.
    """

    code: int
    text: str
    seconds: float


def told(said: Said, seconds: float = 0.0) -> Told:
    """What was said, checked for what must never be."""
    text = " ".join(said.text.split())
    assert "Traceback" not in text
    assert "ERROR:" not in text
    assert "Something unexpected" not in text
    assert "eyJ" not in text  # how every JWT begins
    return Told(said.code, text, seconds)


@dataclass(frozen=True)
class Asker:
    """Runs command lines against a kubeconfig, each on a host of its own."""

    grounds: Grounds
    directory: Path

    def site(self, kubeconfig: Path | None = None, name: str = "host") -> Site:
        """A host whose bot uses this kubeconfig; the account's own without one."""
        clusters = {"main": {"kubeconfig": str(kubeconfig or self.grounds.account)}}
        return Site(self.grounds, self.grounds.config(self.directory / name, clusters=clusters))

    def all_fail(self, kubeconfig: Path | None = None, *, within: float) -> dict[str, str]:
        """Ask all of `LINES` at the same time; each must fail, in time.

        Returns:
            What each said, by the command's first word.
        """

        def ask(words: tuple[str, ...]) -> Told:
            started = time.monotonic()
            said = self.site(kubeconfig, words[0]).bot(*words)
            return told(said, time.monotonic() - started)

        with ThreadPoolExecutor(len(LINES)) as pool:
            found = dict(zip(LINES, pool.map(ask, LINES), strict=True))
        for words, one in found.items():
            assert one.code == 1, f"{words}: {one.text}"
            assert one.seconds < within, f"{words}: {one.seconds:.1f} s"
        return {words[0]: one.text for words, one in found.items()}

    def kubeconfig(
        self, *, user: dict[str, object] | None = None, authority: Path | None = None
    ) -> Path:
        """Write a variant of the account's kubeconfig."""
        document = yaml.safe_load(self.grounds.account.read_text())
        if user is not None:
            document["users"][0]["user"] = user
        if authority is not None:
            document["clusters"][0]["cluster"]["certificate-authority"] = str(authority)
        path = self.directory / "kubeconfig"
        path.write_text(yaml.safe_dump(document))
        path.chmod(0o600)
        return path


@pytest.fixture(scope="package")
def hurt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    """A lab for these tests alone; each leaves it as it was."""
    need(SERVERS)
    with Lab.started(tmp_path_factory.mktemp("hurt-lab")) as lab, grounds_on(lab) as made:
        yield made


@pytest.fixture
def asker(hurt: Grounds, tmp_path: Path) -> Asker:
    return Asker(hurt, tmp_path)


@pytest.fixture
def start(hurt: Grounds) -> Iterator[Start]:
    """Starts bots, and ends those that still run; their namespace is empty afterwards."""
    running: list[Bot] = []

    def begin(config: Path) -> Bot:
        bot = Bot(config, patience=PATIENCE)
        running.append(bot)
        return bot

    yield begin
    for bot in running:
        bot.close()
    hurt.clear()


Plugin = Callable[[str], Path]


@pytest.fixture
def plugin(asker: Asker) -> Callable[[str], Path]:
    """Writes a kubeconfig whose login plugin is this shell script."""

    def write(script: str) -> Path:
        file = asker.directory / "login"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return asker.kubeconfig(user=execs("./login"))

    return write


def execs(command: str) -> dict[str, object]:
    """A kubeconfig's user with a login plugin."""
    api = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api, "command": command, "interactiveMode": "Never"}}
