"""The command lines of the control plane's servers, and how each says that it is ready.

Measured bring-up order and flags: every server listens on the loopback address only, on a port
that the system gave, with data and log in the lab's own folder.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from pathlib import Path

from tests.cluster.files import Files

KWOK_CONFIG = Path(__file__).parent / "kwok" / "config"

Command = list[str | Path]


def etcd(binary: Path, files: Files, client: int, peer: int) -> Command:
    """One member; without fsync, because the data dies with the lab."""
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        binary,
        "--name=lab",
        f"--data-dir={files.folder / 'etcd'}",
        f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}",
        f"--listen-peer-urls={there}",
        f"--initial-advertise-peer-urls={there}",
        f"--initial-cluster=lab={there}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(binary: Path, files: Files, port: int, etcd_port: int) -> Command:
    """RBAC in force; the ServiceAccount admission is off, because kwok mounts no tokens."""
    return [
        binary,
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        f"--token-auth-file={files.tokens}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.account_key}",
        f"--service-account-signing-key-file={files.account_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged",
        # It would write 127.0.0.1 as an endpoint, which the API refuses.
        "--endpoint-reconciler-type=none",
    ]


def controller_manager(binary: Path, files: Files, port: int) -> Command:
    """Every controller under its own account; claims get volumes from the host's disk."""
    return [
        binary,
        f"--kubeconfig={files.kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        # Who asks for metrics is looked up, and must be allowed to.
        f"--authentication-kubeconfig={files.kubeconfig}",
        f"--authorization-kubeconfig={files.kubeconfig}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={files.account_key}",
        f"--root-ca-file={files.certificate}",
        "--enable-hostpath-provisioner",
        # The default of 20 requests a second makes thousands of pods take minutes.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        # Autoscalers look every 15 s otherwise, the first time too.
        "--horizontal-pod-autoscaler-sync-period=1s",
    ]


def scheduler(binary: Path, files: Files, port: int) -> Command:
    """Places pods on kwok's nodes."""
    return [
        binary,
        f"--kubeconfig={files.kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        # Who asks for metrics is looked up, and must be allowed to.
        f"--authentication-kubeconfig={files.kubeconfig}",
        f"--authorization-kubeconfig={files.kubeconfig}",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def kwok(binary: Path, files: Files, port: int) -> Command:
    """Plays the kubelets of all nodes, logs and exec included."""
    return [
        binary,
        f"--kubeconfig={files.kubeconfig}",
        "--manage-all-nodes",
        "--cidr=10.64.0.0/14",
        "--node-ip=127.0.0.1",
        f"--node-port={port}",
        f"--server-address=127.0.0.1:{port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        "--node-lease-duration-seconds=40",
        *(f"--config={path}" for path in sorted(KWOK_CONFIG.glob("*.yaml"))),
        f"--config={files.folder / 'kwok.yaml'}",
    ]


def answers(url: str, certificate: Path | None = None, token: str = "") -> bool:
    """Whether a health address answers 200.

    Raises:
        OSError: Nobody answers, or the answer is another one.
    """
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    request = urllib.request.Request(url, headers=_bearer(token))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
