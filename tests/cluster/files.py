"""What a control plane's servers share on disk: keys, tokens, kubeconfigs, kwok's configuration."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.kube.tls import self_signed

Json = dict[str, Any]

LOG_LINES = ("starting", "listening on port 1337", "ready")
"""What every container's log says."""


@dataclass(frozen=True)
class Files:
    """Where a control plane keeps what its servers share.

    Attributes:
        folder: Everything of this lab.
        certificate: The API server's own, self-signed; clients trust it.
        key: Its key.
        tokens: The static tokens of the API server (``token,user,uid,"groups"``).
        account_key: Signs service account tokens.
        kubeconfig: An administrator's.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "apiserver.crt"

    @property
    def key(self) -> Path:
        return self.folder / "apiserver.key"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.csv"

    @property
    def account_key(self) -> Path:
        return self.folder / "accounts.key"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"


def write_kubeconfig(path: Path, url: str, certificate: Path, token: str) -> None:
    """Write a kubeconfig that only its owner can read."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "lab",
                "cluster": {"server": url, "certificate-authority": str(certificate)},
            }
        ],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    _private(path, yaml.safe_dump(content))


def write_all(files: Files, *, exec: bool) -> str:
    """Write keys, tokens and kwok's configuration; returns the administrator's token."""
    files.folder.mkdir(parents=True, exist_ok=True)
    pair, token = self_signed("lab"), secrets.token_urlsafe(24)
    files.certificate.write_text(pair.certificate_pem, encoding="utf-8")
    _private(files.key, pair.key_pem)
    _private(files.account_key, self_signed("accounts").key_pem)
    _private(files.tokens, f'{token},admin,admin,"system:masters"\n')
    log = files.folder / "container.log"
    log.write_text(
        "".join(
            f"2026-01-01T00:00:0{second}.000000000Z stdout F {line}\n"
            for second, line in enumerate(LOG_LINES)
        ),
        encoding="utf-8",
    )
    configured: list[Json] = [_kwok_config("ClusterLogs", {"logs": [{"logsFile": str(log)}]})]
    if exec:
        local = {"workDir": str(files.folder)}
        configured.append(_kwok_config("ClusterExec", {"execs": [{"local": local}]}))
    config = files.folder / "kwok.yaml"
    config.write_text(yaml.safe_dump_all(configured), encoding="utf-8")
    return token


def _kwok_config(kind: str, spec: Json) -> Json:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "all"},
        "spec": spec,
    }


def _private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
