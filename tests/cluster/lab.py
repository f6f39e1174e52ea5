"""A real Kubernetes control plane on this machine: etcd, API server, controllers, scheduler, kwok.

    with Lab.started(folder) as lab:
        lab.kubeconfig            # an administrator's

Nodes and pods are played by kwok (``kwok/config``); all else is the real thing. kwok's port on
the loopback address answers for logs and exec without asking who calls, and exec runs programs
of this machine: on a machine shared with people you do not trust, start it with ``exec=False``.
"""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster import servers
from tests.cluster.build import Builder
from tests.cluster.files import Files, write_all, write_kubeconfig
from tests.cluster.process import Ledger, Process, free_port

Json = dict[str, Any]

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
VOLUMES = "/tmp/hostpath_pv"
OLDER = "1.33"
"""The oldest release of Kubernetes that is tested."""


def servers_of(release: str = "") -> list[str]:
    """Name what a control plane of this release is built from, ordered as ``SERVERS``."""
    return [f"{name}-{release}" if release and name in KUBERNETES else name for name in SERVERS]


class Refused(Exception):
    """The API server answered with an error."""

    def __init__(self, code: int, body: str) -> None:
        super().__init__(f"{code}: {body[:500]}")
        self.code = code


@dataclass
class Lab:
    """A running control plane; make it with ``started``.

    Attributes:
        files: Certificates, tokens, logs, kubeconfig.
        url: Of the API server.
        token: An administrator's.
        etcd: The store, to pause, kill and start again; so are the next four.
        etcd_port: Where etcd answers clients.
        ports: Where controller-manager, scheduler and kwok answer, by the names of the servers.
    """

    files: Files
    url: str
    token: str
    etcd_port: int
    etcd: Process
    apiserver: Process
    controller_manager: Process
    scheduler: Process
    kwok: Process
    ports: Mapping[str, int] = field(default_factory=dict)
    _opener: urllib.request.OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=self.files.certificate)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig."""
        return self.files.kubeconfig

    @property
    def processes(self) -> tuple[Process, ...]:
        """All servers, in the order in which they start."""
        return self.etcd, self.apiserver, self.controller_manager, self.scheduler, self.kwok

    @classmethod
    @contextmanager
    def started(
        cls,
        folder: Path,
        *,
        nodes: int = 3,
        exec: bool = True,
        release: str = "",
        apiserver: Sequence[str] = (),
    ) -> Iterator[Lab]:
        """Build what is missing, start everything, wait until pods can run; end it at the end.

        Args:
            folder: For data and logs; it must be empty, and it is left as it is.
            nodes: How many nodes there are.
            exec: Whether ``kubectl exec`` runs programs on this machine.
            release: Of Kubernetes, as in the folder's name: ``1.33``; the newest without it.
            apiserver: More options of the API server.

        Raises:
            BuildError: A server cannot be built.
            ServerFailed: One ended or did not get ready.
        """
        builder = Builder()
        names = servers_of(release)
        binaries = dict(zip(SERVERS, builder.build(names).values(), strict=True))
        ledger = Ledger(builder.cache / "labs")
        ledger.reap()
        files = Files(folder)
        token = write_all(files, exec=exec)
        lab = cls._composed(binaries, files, token, ledger, apiserver)
        try:
            lab._start()
            lab._furnish(nodes)
            yield lab
        finally:
            lab._stop()

    @classmethod
    def _composed(
        cls,
        binaries: Mapping[str, Path],
        files: Files,
        token: str,
        ledger: Ledger,
        options: Sequence[str],
    ) -> Lab:
        api, store, peer, manager, planner, kubelet = (free_port() for _ in range(6))
        url = f"https://127.0.0.1:{api}"
        write_kubeconfig(files.kubeconfig, url, files.certificate, token)
        commands = {
            "etcd": servers.etcd(binaries["etcd"], files, store, peer),
            "kube-apiserver": [
                *servers.apiserver(binaries["kube-apiserver"], files, api, store),
                *options,
            ],
            "kube-controller-manager": servers.controller_manager(
                binaries["kube-controller-manager"], files, manager
            ),
            "kube-scheduler": servers.scheduler(binaries["kube-scheduler"], files, planner),
            "kwok": servers.kwok(binaries["kwok"], files, kubelet),
        }
        made = [
            Process(name, command, files.folder / f"{name}.log", ledger, files.environment)
            for name, command in commands.items()
        ]
        ports = {
            "kube-controller-manager": manager,
            "kube-scheduler": planner,
            "kwok": kubelet,
        }
        return cls(files, url, token, store, *made, ports=ports)

    def _start(self) -> None:
        self.etcd.start()
        self.etcd.wait_until(lambda: servers.answers(f"http://127.0.0.1:{self.etcd_port}/health"))
        self.start_apiserver()
        others = (self.controller_manager, self.scheduler, self.kwok)
        for process in others:
            process.start()

    def start_apiserver(self) -> None:
        """Start the API server (again, after ``apiserver.kill()``) and wait until it is ready."""
        self.apiserver.start()
        self.apiserver.wait_until(
            lambda: servers.answers(f"{self.url}/readyz", self.files.certificate, self.token)
        )

    def _furnish(self, nodes: int) -> None:
        for number in range(nodes):
            self.api("POST", "/api/v1/nodes", _node(f"node-{number}"))
        self.api("POST", "/apis/storage.k8s.io/v1/storageclasses", STANDARD)
        self.kwok.wait_until(self._nodes_ready)
        self.controller_manager.wait_until(self._accounts_made)
        # A pod that ran shows that scheduler and kubelets work together.
        pods = "/api/v1/namespaces/default/pods"
        self.api("POST", pods, _probe())
        self.scheduler.wait_until(
            lambda: bool(self.api("GET", f"{pods}/probe")["status"]["phase"] == "Succeeded")
        )
        self.api("DELETE", f"{pods}/probe")

    def _nodes_ready(self) -> bool:
        for node in self.api("GET", "/api/v1/nodes")["items"]:
            conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", ())}
            if conditions.get("Ready") != "True" or node["spec"].get("taints"):
                return False
        return True

    def _accounts_made(self) -> bool:
        with suppress(Refused):
            self.api("GET", "/api/v1/namespaces/default/serviceaccounts/default")
            return True
        return False

    def _stop(self) -> None:
        with suppress(OSError, Refused):
            self._remove_volumes()
        for process in reversed(self.processes):
            process.stop(grace=2.0)

    def _remove_volumes(self) -> None:
        for volume in self.api("GET", "/api/v1/persistentvolumes", timeout=2)["items"]:
            path = volume["spec"].get("hostPath", {}).get("path", "")
            if Path(path).parent == Path(VOLUMES):
                shutil.rmtree(path, ignore_errors=True)

    # -- what tests ask of it ----------------------------------------------------------------

    def api(self, method: str, path: str, body: Json | None = None, timeout: float = 30) -> Json:
        """One request as the administrator; a patch is a merge patch.

        Raises:
            Refused: The answer is an error.
            OSError: There is no answer.
        """
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                found: Json = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")) from error

    def compact(self) -> int:
        """Forget all history up to now: old resource versions and page tokens end with 410.

        Returns:
            The revision that is the oldest one still known.
        """
        key = base64.b64encode(b"compact").decode()
        revision = int(self._etcd("range", {"key": key})["header"]["revision"])
        self._etcd("compaction", {"revision": revision, "physical": True})
        return revision

    def _etcd(self, what: str, body: Json) -> Json:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.etcd_port}/v3/kv/{what}", data=json.dumps(body).encode()
        )
        with self._opener.open(request, timeout=10) as answer:
            found: Json = json.load(answer)
            return found

    def account(self, namespace: str, name: str, *, seconds: int = 3600) -> Path:
        """Write a kubeconfig with a fresh token of a service account; returns its path.

        Raises:
            Refused: There is no such account.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        made = self.api("POST", path, {**body, "spec": {"expirationSeconds": seconds}})
        file = self.files.folder / f"{namespace}-{name}.kubeconfig"
        write_kubeconfig(file, self.url, self.files.certificate, made["status"]["token"])
        return file


STANDARD: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "standard",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kubernetes.io/host-path",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def _node(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
    }


def _probe() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "probe", "image": "example.com/probe:1"}],
        },
    }
