"""Helm's verbs as functions. Nothing here waits for pods: the caller follows the workloads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from integrations.helm.arguments import Values, environment, in_namespace, stdin, upgrade
from integrations.helm.binary import HelmBinary
from integrations.helm.command import ExecCommand, OnSpawn, Process
from integrations.helm.errors import HelmError, ReleaseNotFound
from integrations.helm.models import Release, Rendered, Revision, TestResult
from integrations.helm.names import (
    checked_namespace,
    checked_operation,
    checked_release,
)

OPERATION_LABEL = "onprem-operation"
"""Label on the release's Secret, there from the first moment; the description comes last."""

HALF_APPLIED = re.compile(r'no \S+ with the name "[^"]+" found')
"""What `helm rollback` says of an object of its target that exists, but is not in the revision
it comes from (Helm 3's `kube.Client.Update`): that revision was only half applied."""

_FAILED_TEST = re.compile(r"^TEST SUITE:\s+(\S+)\n(?:.+\n)*?Phase:\s+Failed", re.MULTILINE)


# Helm 3 has `--all` for these; Helm 4, which shows all by itself, refuses that word.
_ANY_STATUS = (
    "--deployed",
    "--failed",
    "--pending",
    "--superseded",
    "--uninstalled",
    "--uninstalling",
)


class Helm:
    """One helm binary working on one cluster.

    Every method raises a ``HelmError``. Methods that change something take ``operation`` (an id
    that is a valid label value) and ``on_spawn``, and write helm's output to private files in
    ``run_directory``, so that helm outlives a killed bot unharmed.
    """

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

    async def install_or_upgrade(
        self,
        release: str,
        chart: str | Path,
        values: Values,
        *,
        namespace: str,
        operation: str,
        description: str = "",
        chart_version: str | None = None,
        repo: str | None = None,
        create_namespace: bool = True,
        on_spawn: OnSpawn | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """Install or upgrade, without waiting for pods (hooks are waited for by helm).

        The operation's id becomes the description's first word and a label of the release.

        Args:
            release: Its name.
            chart: Directory, archive, ``oci://`` or URL.
            values: The complete user values; they travel by stdin.
            namespace: Made when missing, if ``create_namespace``.
            operation: The operation's id.
            description: Words for the history after the id.
            chart_version: For charts that are not local.
            repo: Address of the chart repository in which ``chart`` is a name.
            create_namespace: See ``namespace``.
            on_spawn: Told pid and start time.
            secrets: Values to blank out of errors.
        """
        command = self._upgrade(release, chart, chart_version, namespace, repo)
        command += ["--history-max", str(self._history_max)]
        command += ["--description", f"{checked_operation(operation)} {description}".strip()]
        command += ["--labels", f"{OPERATION_LABEL}={operation}"]
        if create_namespace:
            command.append("--create-namespace")
        run = self._change(release, operation, "upgrade", on_spawn, secrets)
        await run.run(command, stdin(values))

    async def rollback(
        self,
        release: str,
        revision: int,
        *,
        namespace: str,
        operation: str,
        on_spawn: OnSpawn | None = None,
    ) -> None:
        """Make a new revision like an old one; helm describes it as ``Rollback to <n>``.

        From a revision that was only half applied helm fails once, and leaves a failed revision
        that equals the target; from there it succeeds.
        """
        command = ["rollback", checked_release(release), str(int(revision))]
        command += ["--namespace", checked_namespace(namespace), *self._timeouts()]
        command += ["--history-max", str(self._history_max), *self._client_side()]
        try:
            await self._change(release, operation, "rollback", on_spawn).run(command)
        except HelmError as error:
            if not HALF_APPLIED.search(error.detail):
                raise
            await self._change(release, operation, "rollback", on_spawn).run(command)

    async def uninstall(
        self,
        release: str,
        *,
        namespace: str,
        operation: str,
        keep_history: bool = False,
        on_spawn: OnSpawn | None = None,
    ) -> None:
        """Delete the release's objects, except those whose policy is ``keep``.

        Raises:
            ReleaseNotFound: It is not there.
        """
        command = ["uninstall", checked_release(release)]
        command += ["--namespace", checked_namespace(namespace), *self._timeouts()]
        command += ["--description", checked_operation(operation)]
        if keep_history:
            command.append("--keep-history")
        await self._change(release, operation, "uninstall", on_spawn).run(command)

    async def test(
        self, release: str, *, namespace: str, operation: str, on_spawn: OnSpawn | None = None
    ) -> TestResult:
        """Run the release's tests; a failing test is a result, not an error.

        Pods' logs are left to the caller: with ``--logs`` helm calls a passed test failed when
        it cannot read one.
        """
        command = ["test", checked_release(release), *in_namespace(namespace), *self._timeouts()]
        try:
            out = await self._change(release, operation, "test", on_spawn).run(command)
        except HelmError as error:
            if type(error) is not HelmError:
                raise
            out_file, _ = self.output_files(operation, "test")
            said = await asyncio.to_thread(out_file.read_text, errors="replace")
            failed = tuple(_FAILED_TEST.findall(said))
            return TestResult(False, f"{said}\n{error.detail}".strip(), failed)
        return TestResult(True, out.decode("utf-8", "replace").strip())

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

    def output_files(self, operation: str, verb: str) -> tuple[Path, Path]:
        """Where that operation's helm wrote stdout and stderr, also after a crash."""
        stem = f"{checked_operation(operation)}.{verb}"
        return self.run_directory / f"{stem}.out", self.run_directory / f"{stem}.err"

    def forget_output(self, operation: str) -> None:
        """Delete the operation's output files; call it once the outcome is recorded."""
        for path in self.run_directory.glob(f"{checked_operation(operation)}.*"):
            path.unlink(missing_ok=True)

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

    def _change(
        self,
        release: str,
        operation: str,
        verb: str,
        on_spawn: OnSpawn | None,
        secrets: Iterable[str] = (),
    ) -> ExecCommand:
        return self._command(
            Process(
                release=release,
                deadline=self._timeout * 2 + 30,
                grace=self._grace,
                output=self.run_directory / f"{checked_operation(operation)}.{verb}",
                operation=operation,
                on_spawn=on_spawn,
                secrets=secrets,
            )
        )

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
