"""What a control plane's servers share on disk: keys, tokens, kubeconfigs, kwok's configuration."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.kube.tls import self_signed

Json = dict[str, Any]

DATABASES = tuple(("parse", f"parse-mongodb-{number}") for number in range(7))
"""Namespace and name of the pods whose `mongosh` is told where it runs; kwok tells no program."""

MONGOSH = Path(__file__).with_name("mongosh.py")

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
        programs: What containers have on their PATH besides the system's: `mongosh`.
        databases: The socket of who answers `mongosh`; without one no database answers.
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

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    @property
    def environment(self) -> dict[str, str]:
        """What servers get besides the usual."""
        return {"PATH": f"{self.programs}{os.pathsep}{os.defpath}"}

    @property
    def databases(self) -> Path:
        return self.folder / "databases"


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
        _write_mongosh(files.programs)
        configured += _execs(files)
    config = files.folder / "kwok.yaml"
    config.write_text(yaml.safe_dump_all(configured), encoding="utf-8")
    return token


def _write_mongosh(programs: Path) -> None:
    programs.mkdir()
    program = programs / "mongosh"
    program.write_text(f"#!{sys.executable} -IS\n{MONGOSH.read_text(encoding='utf-8')}")
    program.chmod(0o755)


def _execs(files: Files) -> Iterator[Json]:
    """Which environment programs get; the first rule that fits a pod holds."""
    for namespace, pod in DATABASES:
        where = {"POD": pod, "NAMESPACE": namespace, "DATABASES": str(files.databases)}
        local = {
            "workDir": str(files.folder),
            "envs": [{"name": name, "value": value} for name, value in where.items()],
        }
        selector = {"matchNamespaces": [namespace], "matchNames": [pod]}
        spec = {"selector": selector, "execs": [{"local": local}]}
        yield _kwok_config("ClusterExec", spec, pod)
    yield _kwok_config("ClusterExec", {"execs": [{"local": {"workDir": str(files.folder)}}]})


def _kwok_config(kind: str, spec: Json, name: str = "all") -> Json:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def _private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
