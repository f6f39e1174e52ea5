"""The bot on a real control plane, with the rights that `deploy/rbac.yaml` gives and no others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.build import Builder
from tests.cluster.lab import Json, Lab
from tests.lab.grounds import PATIENCE, ROOT, Grounds, grounds_on, wait_for


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"


@dataclass(frozen=True)
class Site:
    """A host with the bot's command line, its configuration, and the cluster behind it.

    Attributes:
        grounds: The cluster.
        config: The bot's configuration.
    """

    grounds: Grounds
    config: Path

    def bot(self, *words: str) -> Said:
        """Run one command in a process of its own, as on the bot's host."""
        command = [sys.executable, "-m", "bot.cli", "--config", str(self.config), *words]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def works(self, *words: str) -> str:
        """Run a command that must succeed; returns what it printed."""
        said = self.bot(*words)
        assert said.code == 0, said.text
        return said.out

    def get(self, path: str) -> Json:
        """Look into the namespace of the app: ``apps/v1/deployments/x``, ``pods``."""
        return self.grounds.find(path)


@pytest.fixture(scope="session")
def grounds(lab: Lab) -> Iterator[Grounds]:
    """The newest Kubernetes, prepared for the bot."""
    with grounds_on(lab) as made:
        yield made


@pytest.fixture(scope="session")
def older_grounds(older_lab: Lab) -> Iterator[Grounds]:
    """The oldest Kubernetes, prepared for the bot."""
    with grounds_on(older_lab) as made:
        yield made


def helm_settings(which: str) -> dict[str, Any]:
    """The configuration's `helm` for `helm3` (found by itself) or `helm4`."""
    return {"executable": str(Builder().build(["helm4"])["helm4"])} if which == "helm4" else {}


@contextmanager
def running(config: Path) -> Iterator[None]:
    """The bot as a service; commands then reach it by its socket."""
    log = config.with_name("bot.log")
    command = [sys.executable, "-m", "bot.cli", "--config", str(config), "run"]
    with log.open("wb") as stream, subprocess.Popen(command, stderr=stream, cwd=ROOT) as process:
        try:
            wait_for(
                lambda: process.poll() is not None or "ready\n" in log.read_text(), "it is ready"
            )
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


@pytest.fixture(params=["helm3", "helm4"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The bot with one helm; `older-` before it: on the oldest Kubernetes; `alone-`: no service.

    Without a service each command is the bot for itself.
    """
    how, _, helm = request.param.rpartition("-")
    place: Grounds = request.getfixturevalue("older_grounds" if how == "older" else "grounds")
    config = place.config(tmp_path, helm=helm_settings(helm))
    with nullcontext() if how == "alone" else running(config):
        yield Site(place, config)
    place.clear()
