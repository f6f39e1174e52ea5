"""The bot on a real control plane, with the rights that `deploy/rbac.yaml` gives and no others."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sandbox.world import parse_app
from tests.cluster.build import Builder
from tests.cluster.fixtures import lab  # noqa: F401
from tests.cluster.lab import Json, Lab

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


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
        lab: The control plane, to look at what became of it and to hurt it.
        config: The bot's configuration.
    """

    lab: Lab
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
        group, _, rest = path.rpartition("v1/")
        root = f"/apis/{group}v1" if group else "/api/v1"
        return self.lab.api("GET", f"{root}/namespaces/parse/{rest or path}")


def kubectl(real: Lab, *words: str) -> None:
    """Run the real kubectl as the administrator."""
    binary = Builder().build(["kubectl"])["kubectl"]
    command = [str(binary), "--kubeconfig", str(real.kubeconfig), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=["helm3", "helm4"])
def site(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:  # noqa: F811
    """The bot as `deploy/rbac.yaml` says, in namespaces that are gone afterwards."""
    helm = {}
    if request.param == "helm4":
        helm = {"executable": str(Builder().build(["helm4"])["helm4"])}
    for namespace in ("onprem", "parse"):
        kubectl(lab, "create", "namespace", namespace)
    kubectl(lab, "apply", "-f", str(ROOT / "deploy" / "rbac.yaml"))
    config = tmp_path / "onprem.yaml"
    me = f"os:{socket.gethostname()}/{getpass.getuser()}"
    config.write_text(
        yaml.safe_dump(
            {
                "state": {"directory": str(tmp_path / "state")},
                "clusters": {"main": {"kubeconfig": str(lab.account("onprem", "onprem"))}},
                "default_cluster": "main",
                "helm": helm,
                "apps": {"parse": parse_app(["main"])},
                "persons": {"me": [me]},
                "admins": [me],
            }
        )
    )
    os.chmod(config, 0o600)
    yield Site(lab, config)
    kubectl(lab, "delete", "-f", str(ROOT / "deploy" / "rbac.yaml"), "--ignore-not-found")
    # A namespace waits for its pods' grace, and nothing here needs any.
    at_once = ("--all", "--namespace", "parse", "--force", "--grace-period=0")
    kubectl(lab, "delete", "deployments,statefulsets,jobs,pods", *at_once)
    kubectl(lab, "delete", "namespace", "onprem", "parse", "--timeout=60s")
