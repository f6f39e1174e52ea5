"""Velero and its object store on the lab: the real server, the AWS plugin, MinIO.

    with ObjectStore.started(folder) as store, VeleroServer.started(lab, store, folder) as velero:
        velero.namespace

Volume data needs node agents on real kubelets, so it is the practice world's alone.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import servers
from tests.cluster.build import Builder, tools
from tests.cluster.lab import Lab, Refused
from tests.cluster.process import Ledger, Process, free_port

Json = dict[str, Any]

TOOLS = ("velero", "velero-plugin-for-aws", "minio")
NAMESPACE = "velero"
BUCKET = "backups"
PREFIX = "lab"
KEY, SECRET = "lab-access-key", "lab-secret-key"

# Objects are saved through the API server's own limits otherwise: the lab's is fast.
FLAGS = (
    "--client-qps=1000",
    "--client-burst=2000",
    "--store-validation-frequency=1s",
    "--backup-sync-period=1s",
    "--garbage-collection-frequency=2s",
    "--item-operation-sync-frequency=1s",
    "--default-backup-ttl=1h",
)


def minio(binary: Path, data: Path, port: int) -> servers.Command:
    """One drive, no console."""
    return [binary, "server", data, f"--address=127.0.0.1:{port}", "--quiet"]


def velero(
    binary: Path, kubeconfig: Path, plugins: Path, ports: tuple[int, int]
) -> list[str | Path]:
    """Outside of the cluster, as Velero's own guide for developers runs it."""
    return [
        binary,
        "server",
        f"--kubeconfig={kubeconfig}",
        f"--namespace={NAMESPACE}",
        f"--plugin-dir={plugins}",
        f"--metrics-address=127.0.0.1:{ports[0]}",
        f"--profiler-address=127.0.0.1:{ports[1]}",
        *FLAGS,
    ]


@dataclass
class ObjectStore:
    """A MinIO with one bucket. Stop its process and start it again for an outage.

    Attributes:
        process: To stop, kill and start again; it keeps its address and data.
        url: Of its S3 API.
        data: A folder for each bucket.
    """

    process: Process
    url: str
    data: Path

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[ObjectStore]:
        """Start it and wait until it serves; end it at the end."""
        builder = Builder()
        port = free_port()
        data = folder / "data"
        (data / BUCKET).mkdir(parents=True)
        secrets = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
        process = Process(
            "minio",
            minio(builder.build(["minio"])["minio"], data, port),
            folder / "minio.log",
            Ledger(builder.cache / "labs"),
            {**secrets, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"},
        )
        store = cls(process, f"http://127.0.0.1:{port}", data)
        try:
            store.start()
            yield store
        finally:
            process.stop(grace=2.0)

    def start(self) -> None:
        """Start it (again) and wait until it serves."""
        self.process.start()
        self.process.wait_until(lambda: servers.answers(f"{self.url}/minio/health/ready"))

    def stop(self) -> None:
        """Let nobody reach it."""
        self.process.stop()


@dataclass
class VeleroServer:
    """A running Velero of one lab.

    Attributes:
        lab: Where it works.
        process: To stop, kill and start again.
        namespace: Where its objects are.
    """

    lab: Lab
    process: Process
    namespace: str = NAMESPACE

    @classmethod
    @contextmanager
    def started(cls, lab: Lab, store: ObjectStore, folder: Path) -> Iterator[VeleroServer]:
        """Install its kinds, namespace, storage; start it; wait until the storage is available.

        Args:
            lab: Where it works.
            store: Two servers on one store share their backups.
            folder: For plugin and log; it must not exist.

        Raises:
            BuildError: A server cannot be built.
            ServerFailed: It ended or did not get ready.
        """
        builder = Builder()
        built = builder.build(TOOLS)
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "velero-plugin-for-aws").symlink_to(built["velero-plugin-for-aws"])
        install(lab, built["velero"], store)
        command = velero(built["velero"], lab.kubeconfig, plugins, (free_port(), free_port()))
        process = Process("velero", command, folder / "velero.log", Ledger(builder.cache / "labs"))
        server = cls(lab, process)
        try:
            server.start()
            yield server
        finally:
            process.stop(grace=2.0)

    def start(self) -> None:
        """Start it (again) and wait until it has looked at its storage.

        It looks for backups of others then, unless the storage was not available before.
        """
        self._location("PATCH", {"status": {"lastValidationTime": None, "lastSyncedTime": None}})
        self.process.start()
        self.process.wait_until(self._looked)

    def stop(self) -> None:
        """Let nobody process requests."""
        self.process.stop()

    def _looked(self) -> bool:
        return bool((self._location("GET").get("status") or {}).get("lastValidationTime"))

    def _location(self, method: str, body: Json | None = None) -> Json:
        return self.lab.api(method, f"{PATH}/backupstoragelocations/default", body)


PATH = f"/apis/velero.io/v1/namespaces/{NAMESPACE}"


def install(lab: Lab, binary: Path, store: ObjectStore) -> None:
    """Put Velero's kinds, namespace, keys and storage location into a lab."""
    crds = subprocess.run(
        [binary, "install", "--crds-only", "--dry-run", "-o", "yaml"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    definitions = [crd for part in yaml.safe_load_all(crds.stdout) for crd in part["items"]]
    for crd in definitions:
        crd.pop("status", None)
        lab.api("POST", f"/apis/{crd['apiVersion']}/customresourcedefinitions", crd)
    lab.apiserver.wait_until(lambda: _served(lab))
    lab.api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    keys = f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n"
    secret = {"metadata": {"name": "cloud-credentials"}, "stringData": {"cloud": keys}}
    lab.api("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
    lab.api("POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", deployment())
    lab.api("POST", f"{PATH}/backupstoragelocations", location(store.url))


def _served(lab: Lab) -> bool:
    with suppress(Refused):
        lab.api("GET", f"{PATH}/backupstoragelocations")
        lab.api("GET", "/apis/velero.io/v2alpha1/datauploads")
        return True
    return False


def location(
    url: str, name: str = "default", *, bucket: str = BUCKET, prefix: str = PREFIX
) -> Json:
    """A storage location in a MinIO."""
    return {
        "apiVersion": "velero.io/v1",
        "kind": "BackupStorageLocation",
        "metadata": {"name": name},
        "spec": {
            "provider": "aws",
            "default": name == "default",
            "objectStorage": {"bucket": bucket, "prefix": prefix},
            "credential": {"name": "cloud-credentials", "key": "cloud"},
            "config": {
                "region": "lab",
                "s3Url": url,
                "s3ForcePathStyle": "true",
                "checksumAlgorithm": "",
            },
        },
    }


def deployment() -> Json:
    """Restores read the server's own Deployment; without it each ends PartiallyFailed."""
    labels = {"component": "velero"}
    image = f"velero/velero:v{tools()['velero'].version}"
    container = {"name": "velero", "image": image}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "metadata": {"name": "velero", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
