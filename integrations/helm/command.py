"""One helm process: how it is started, watched, ended, and where its output goes.

Replaces pyhelm3's ``Command.run``, which starts a shell (a cancel reaches only the shell),
has no deadline, and reads helm's output by pipes (a helm whose reader died ends by SIGPIPE in
the middle of its work). Here: no shell, a session of its own, output of changes to files.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pyhelm3.command import Command

from integrations.helm import orphan
from integrations.helm.errors import Timeout, classify

log = logging.getLogger(__name__)

OnSpawn = Callable[[int, int], Awaitable[None] | None]
"""Told pid and start time of a started helm, before anything else happens."""


@dataclass(frozen=True, slots=True)
class Process:
    """How one helm process is to be run.

    Attributes:
        release: For messages.
        deadline: Seconds until the whole group is ended.
        grace: Seconds between SIGTERM and SIGKILL.
        output: File stem for stdout and stderr (``.out``, ``.err``); None means pipes, for
            reads that may die with the bot.
        operation: Id put into helm's environment.
        on_spawn: See ``OnSpawn``. When it fails, helm is ended at once.
        secrets: Values to blank out of errors.
    """

    release: str
    deadline: float
    grace: float = 10.0
    output: Path | None = None
    operation: str | None = None
    on_spawn: OnSpawn | None = None
    secrets: Iterable[str] = ()


class ExecCommand(Command):  # type: ignore[misc, unused-ignore]
    """pyhelm3's command lines, run by our own process handling."""

    def __init__(
        self,
        process: Process,
        *,
        executable: str,
        kubeconfig: Path | None,
        context: str | None,
        timeout: str,
        history_max: int,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(
            executable=executable,
            kubeconfig=kubeconfig,
            kubecontext=context,
            default_timeout=timeout,
            history_max_revisions=history_max,
        )
        self._process = process
        self._environ = environ

    async def run(self, command: list[str], input: bytes | None = None) -> bytes:
        """Run helm and return its stdout.

        Raises:
            HelmError: It failed; the subclass says how.
            Timeout: Its deadline passed; the whole process group was ended.
        """
        argv = [self._executable, *map(str, command)]
        if self._kubeconfig:
            argv += ["--kubeconfig", str(self._kubeconfig)]
        if self._kubecontext:
            argv += ["--kube-context", self._kubecontext]
        log.debug("running %s", argv[1:3])
        code, out, err = await self._execute(argv, input)
        if code != 0:
            text = err.decode("utf-8", "replace")
            raise classify(
                text, release=self._process.release, code=code, secrets=self._process.secrets
            )
        return out

    async def _execute(
        self, argv: Sequence[str], input: bytes | None
    ) -> tuple[int | None, bytes, bytes]:
        how = self._process
        with contextlib.ExitStack() as files:
            stdin = files.enter_context(_input_file(input)) if input is not None else None
            out, err = (_output_files(files, how.output)) if how.output else (None, None)
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=stdin or asyncio.subprocess.DEVNULL,
                stdout=out or asyncio.subprocess.PIPE,
                stderr=err or asyncio.subprocess.PIPE,
                start_new_session=True,
                env={
                    **self._environ,
                    **({orphan.VARIABLE: how.operation} if how.operation else {}),
                },
            )
            read = asyncio.ensure_future(child.communicate())
            try:
                await self._announce(child.pid)
                async with asyncio.timeout(how.deadline):
                    printed = await asyncio.shield(read)
            except TimeoutError as exc:
                await _end_shielded(child, read, how.grace)
                raise Timeout(
                    f"Helm did not finish its work on {how.release} in {how.deadline:.0f} "
                    "seconds and was ended.",
                    hint="See the release's history for what was done.",
                ) from exc
            except BaseException:
                await _end_shielded(child, read, how.grace)
                raise
            if out is None or err is None:
                return child.returncode, *printed
            return child.returncode, _reread(out), _reread(err)

    async def _announce(self, pid: int) -> None:
        started = orphan.start_time(pid)
        if self._process.on_spawn is None or started is None:
            return
        answer = self._process.on_spawn(pid, started)
        if inspect.isawaitable(answer):
            await answer


async def _end_shielded(
    child: asyncio.subprocess.Process, read: asyncio.Future[tuple[bytes, bytes]], grace: float
) -> None:
    """End the group even if we are cancelled again meanwhile; the caller raises afterwards."""
    ending = asyncio.ensure_future(_end(child, read, grace))
    while not ending.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ending)


async def _end(
    child: asyncio.subprocess.Process, read: asyncio.Future[tuple[bytes, bytes]], grace: float
) -> None:
    if not read.done():
        orphan.signal_group(child.pid, signal.SIGTERM)
        await asyncio.wait([read], timeout=grace)
    orphan.signal_group(child.pid, signal.SIGKILL)
    await asyncio.wait([read])


def _input_file(data: bytes) -> BinaryIO:
    """Helm's stdin as a whole, in memory where the system can.

    Not a pipe: if the bot dies while writing one, helm reads a truncated or empty document
    and would deploy without our values.
    """
    if hasattr(os, "memfd_create"):
        file: BinaryIO = os.fdopen(os.memfd_create("helm-stdin"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(data)
    file.seek(0)
    return file


def _output_files(files: contextlib.ExitStack, stem: Path) -> tuple[BinaryIO, BinaryIO]:
    stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    out, err = (
        files.enter_context(_private(stem.with_name(f"{stem.name}.{end}")))
        for end in ("out", "err")
    )
    return out, err


def _private(path: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "w+b")


def _reread(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
