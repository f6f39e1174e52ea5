"""Where the bot works in a lab: one namespace, with the rights of `deploy/rbac.yaml` there."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.world import parse_app
from tests.cluster.build import Builder
from tests.cluster.lab import Json, Lab, Refused

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds until nothing more is expected; a busy machine takes long for what is quick."""

NAMESPACE = "parse"
CORE, APPS, BATCH = "/api/v1", "/apis/apps/v1", "/apis/batch/v1"
CONTENT = {
    APPS: ("deployments", "statefulsets", "daemonsets"),
    BATCH: ("jobs",),
    "/apis/autoscaling/v2": ("horizontalpodautoscalers",),
    "/apis/policy/v1": ("poddisruptionbudgets",),
    "/apis/networking.k8s.io/v1": ("networkpolicies", "ingresses"),
    CORE: ("pods", "services", "secrets", "configmaps", "persistentvolumeclaims"),
}
"""What charts make; also what is looked at to see that a namespace is empty again."""

LASTING = {"kube-root-ca.crt"}


def wait_for(holds: Callable[[], Any], what: str, *, seconds: float = 90.0) -> Any:
    """Wait until something is true, and return it.

    Raises:
        AssertionError: It never was.
    """
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return value


@dataclass(frozen=True)
class Grounds:
    """A lab with the bot's account and the namespace it may work in.

    Attributes:
        lab: The control plane, to look at what became of it and to hurt it.
        account: The bot's kubeconfig.
    """

    lab: Lab
    account: Path

    def config(self, directory: Path, **settings: Any) -> Path:
        """Write a configuration with a state of its own for the app `parse`.

        Args:
            directory: Where it is written and where its state goes.
            settings: Replace those of the lab; None leaves one out.
        """
        me = f"os:{socket.gethostname()}/{getpass.getuser()}"
        whole = {
            "state": {"directory": str(directory / "state")},
            "clusters": {"main": {"kubeconfig": str(self.account)}},
            "default_cluster": "main",
            # Without Velero, unless the settings say otherwise.
            "apps": {"parse": {k: v for k, v in parse_app(["main"]).items() if k != "backup"}},
            "persons": {"me": [me]},
            "admins": [me],
            **settings,
        }
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "onprem.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in whole.items() if v is not None}))
        os.chmod(path, 0o600)
        return path

    def get(self, path: str) -> Any:
        """One GET of the Kubernetes API as the administrator; None when it is not there."""
        try:
            return self.lab.api("GET", path)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def find(self, path: str) -> Json:
        """Look into the namespace: ``apps/v1/deployments/x``, ``pods``."""
        group, _, rest = path.rpartition("v1/")
        root = f"/apis/{group}v1" if group else CORE
        return self.lab.api("GET", f"{root}/namespaces/{NAMESPACE}/{rest or path}")

    def clear(self) -> None:
        """Empty the namespace; that is quicker than to let it end and make it again."""
        for root, kinds in CONTENT.items():
            for kind in kinds:
                self._delete_all(f"{root}/namespaces/{NAMESPACE}/{kind}")
        wait_for(lambda: not self._left(), "the namespace is empty")

    def _delete_all(self, path: str) -> None:
        at_once = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        self.lab.api("DELETE", path, at_once)

    def _left(self) -> list[str]:
        found = []
        for root, kinds in CONTENT.items():
            for kind in kinds:
                path = f"{root}/namespaces/{NAMESPACE}/{kind}"
                names = [item["metadata"]["name"] for item in self.lab.api("GET", path)["items"]]
                left = [f"{kind}/{name}" for name in names if name not in LASTING]
                if left and kind == "pods":  # made by a controller that had not heard yet
                    self._delete_all(path)
                found += left
        return found


@contextmanager
def grounds_on(lab: Lab) -> Iterator[Grounds]:
    """Prepare a lab as `deploy/rbac.yaml` says."""
    for namespace in ("onprem", NAMESPACE):
        kubectl(lab, "create", "namespace", namespace)
    kubectl(lab, "apply", "-f", str(ROOT / "deploy" / "rbac.yaml"))
    yield Grounds(lab, lab.account("onprem", "onprem", seconds=4 * 3600))


def kubectl(lab: Lab, *words: str) -> None:
    """Run the real kubectl as the administrator."""
    binary = Builder().build(["kubectl"])["kubectl"]
    command = [str(binary), "--kubeconfig", str(lab.kubeconfig), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
