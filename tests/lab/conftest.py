"""The bot on a real control plane, with the rights that `deploy/rbac.yaml` gives and no others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.build import Builder
from tests.cluster.fixtures import lab, older_lab  # noqa: F401
from tests.cluster.lab import Json, Lab
from tests.lab.grounds import PATIENCE, ROOT, Grounds, grounds_on


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
def grounds(lab: Lab) -> Iterator[Grounds]:  # noqa: F811
    """The newest Kubernetes, prepared for the bot."""
    with grounds_on(lab) as made:
        yield made


@pytest.fixture(scope="session")
def older_grounds(older_lab: Lab) -> Iterator[Grounds]:  # noqa: F811
    """The oldest Kubernetes, prepared for the bot."""
    with grounds_on(older_lab) as made:
        yield made


def helm_settings(which: str) -> dict[str, Any]:
    """The configuration's `helm` for `helm3` (found by itself) or `helm4`."""
    return {"executable": str(Builder().build(["helm4"])["helm4"])} if which == "helm4" else {}


@pytest.fixture(params=["helm3", "helm4"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The bot with one helm; `older-` before it means the oldest Kubernetes."""
    older, _, helm = request.param.rpartition("-")
    place: Grounds = request.getfixturevalue("older_grounds" if older else "grounds")
    yield Site(place, place.config(tmp_path, helm=helm_settings(helm)))
    place.clear()
