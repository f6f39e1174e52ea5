"""What helm tells: releases, revisions, values, manifests, and what a deploy would apply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from integrations.helm.arguments import Values, environment, in_namespace, stdin, upgrade
from integrations.helm.binary import HelmBinary
from integrations.helm.command import ExecCommand, Process
from integrations.helm.errors import ReleaseNotFound
from integrations.helm.models import Release, Rendered, Revision
from integrations.helm.names import (
    OPERATION_LABEL,
    checked_namespace,
    checked_operation,
    checked_release,
)

# Helm 3 has `--all` for these; Helm 4, which shows all by itself, refuses that word.
_ANY_STATUS = (
    "--deployed",
    "--failed",
    "--pending",
    "--superseded",
    "--uninstalled",
    "--uninstalling",
)


class Reader:
    """Reads with one helm binary from one cluster; every method raises a ``HelmError``."""

    def __init__(
        self,
        binary: HelmBinary,
        *,
        run_directory: Path,
        kubeconfig: Path | None = None,
        context: str | None = None,
        timeout: int = 300,
        grace: float = 10.0,
        history_max: int = 10,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Bind helm to a cluster.

        Args:
            binary: From ``find_helm``.
            run_directory: Where the output of changes goes; made private.
            kubeconfig: None means helm's own default, in a pod its service account.
            context: Context in the kubeconfig.
            timeout: Seconds for each hook; a process may take twice that and a margin.
            grace: Seconds between SIGTERM and SIGKILL on cancel.
            history_max: Revisions kept per release.
            environ: Environment for helm; ours without our own secrets by default.
        """
        self.binary = binary
        self.run_directory = run_directory
        self._kubeconfig = kubeconfig
        self._context = context
        self._timeout = timeout
        self._grace = grace
        self._history_max = history_max
        self._environ = dict(environment() if environ is None else environ)

    async def history(self, release: str, *, namespace: str) -> list[Revision]:
        """Read the release's revisions, oldest first; empty when there is no release."""
        try:
            rows = await self._read(release).history(
                checked_release(release), namespace=checked_namespace(namespace)
            )
        except ReleaseNotFound:
            return []
        return [
            Revision(
                number=int(row["revision"]),
                status=str(row["status"]),
                chart=str(row.get("chart", "")),
                app_version=str(row.get("app_version", "")),
                updated=str(row.get("updated", "")),
                description=str(row.get("description", "")),
            )
            for row in rows
        ]

    async def list_releases(self, *, namespace: str | None = None) -> list[Release]:
        """List all releases in every status, of one namespace or of all."""
        return await self._list(
            ["--all-namespaces"] if namespace is None else in_namespace(namespace)
        )

    async def made_by(self, release: str, operation: str, *, namespace: str) -> int | None:
        """The newest revision's number if that operation made it (finished or not), else None."""
        selector = f"{OPERATION_LABEL}={checked_operation(operation)}"
        only = f"^{re.escape(checked_release(release))}$"
        rows = await self._list(
            [*in_namespace(namespace), "--selector", selector, "--filter", only]
        )
        return rows[0].revision if rows else None

    async def get_values(
        self, release: str, *, namespace: str, revision: int | None = None, computed: bool = False
    ) -> dict[str, Any]:
        """Read a revision's user values (``computed``: merged with the chart's). Secret."""
        values: dict[str, Any] = await self._read(release).get_values(
            checked_release(release),
            namespace=checked_namespace(namespace),
            revision=revision,
            computed=computed,
        )
        return values

    async def get_manifest(
        self, release: str, *, namespace: str, revision: int | None = None
    ) -> str:
        """Read what a revision applied, as YAML. Holds Secrets: pass it to ``diff`` only."""
        command = ["get", "manifest", checked_release(release), *in_namespace(namespace)]
        if revision is not None:
            command += ["--revision", str(int(revision))]
        return (await self._read(release).run(command)).decode("utf-8", "replace")

    async def render(
        self,
        release: str,
        chart: str | Path,
        values: Values,
        *,
        namespace: str,
        chart_version: str | None = None,
        repo: str | None = None,
        secrets: Iterable[str] = (),
    ) -> Rendered:
        """Render what a deploy would apply, with the server's dry run; nothing changes.

        Secrets come in clear through a pipe and are kept in memory only: with
        ``--hide-secret`` helm leaves them out and a changed one could not be told.

        Raises:
            AnotherOperationInProgress: The release is pending.
        """
        command = self._upgrade(release, chart, chart_version, namespace, repo)
        command += ["--dry-run=server", "--output", "json"]
        out = await self._read(release, secrets).run(command, stdin(values))
        # Some Helm 4 print lines about the chart's download before the document.
        document = json.loads(out[out.index(b"{") :])
        notes = (document.get("info") or {}).get("notes") or ""
        return Rendered(str(document.get("manifest") or ""), str(notes))

    async def _list(self, options: list[str]) -> list[Release]:
        command = ["list", *_ANY_STATUS, "--max", "0", "--output", "json", *options]
        rows = json.loads(await self._read("any release").run(command) or b"[]")
        return [
            Release(
                name=str(row["name"]),
                namespace=str(row["namespace"]),
                revision=int(row["revision"]),
                status=str(row["status"]),
                chart=str(row.get("chart", "")),
                app_version=str(row.get("app_version", "")),
                updated=str(row.get("updated", "")),
            )
            for row in rows
        ]

    def _upgrade(
        self,
        release: str,
        chart: str | Path,
        version: str | None,
        namespace: str,
        repo: str | None,
    ) -> list[str]:
        options = [*self._timeouts(), *self._client_side()]
        return upgrade(release, chart, version, namespace, repo, options)

    def _timeouts(self) -> list[str]:
        return ["--timeout", f"{self._timeout}s"]

    def _client_side(self) -> list[str]:
        # With Helm 4's server-side apply, `scale` and the next upgrade conflict on replicas.
        return ["--server-side=false"] if self.binary.major >= 4 else []

    def _read(self, release: str, secrets: Iterable[str] = ()) -> ExecCommand:
        return self._command(
            Process(release=release, deadline=60.0, grace=self._grace, secrets=secrets)
        )

    def _command(self, process: Process) -> ExecCommand:
        return ExecCommand(
            process,
            executable=str(self.binary.path),
            kubeconfig=self._kubeconfig,
            context=self._context,
            timeout=f"{self._timeout}s",
            history_max=self._history_max,
            environ=self._environ,
        )
