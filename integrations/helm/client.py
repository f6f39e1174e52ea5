"""Helm's verbs as functions. Nothing here waits for pods: the caller follows the workloads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from integrations.helm.arguments import Values, in_namespace, stdin
from integrations.helm.command import ExecCommand, OnSpawn, Process
from integrations.helm.errors import HelmError
from integrations.helm.models import TestResult
from integrations.helm.names import (
    OPERATION_LABEL,
    checked_namespace,
    checked_operation,
    checked_release,
)
from integrations.helm.reading import Reader

HALF_APPLIED = re.compile(r'no \S+ with the name "[^"]+" found')
"""What `helm rollback` says of an object of its target that exists, but is not in the revision
it comes from (Helm 3's `kube.Client.Update`): that revision was only half applied."""

_FAILED_TEST = re.compile(r"^TEST SUITE:\s+(\S+)\n(?:.+\n)*?Phase:\s+Failed", re.MULTILINE)


class Helm(Reader):
    """One helm binary working on one cluster.

    Every method raises a ``HelmError``. Methods that change something take ``operation`` (an id
    that is a valid label value) and ``on_spawn``, and write helm's output to private files in
    ``run_directory``, so that helm outlives a killed bot unharmed.
    """

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

    def output_files(self, operation: str, verb: str) -> tuple[Path, Path]:
        """Where that operation's helm wrote stdout and stderr, also after a crash."""
        stem = f"{checked_operation(operation)}.{verb}"
        return self.run_directory / f"{stem}.out", self.run_directory / f"{stem}.err"

    def forget_output(self, operation: str) -> None:
        """Delete the operation's output files; call it once the outcome is recorded."""
        for path in self.run_directory.glob(f"{checked_operation(operation)}.*"):
            path.unlink(missing_ok=True)

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
