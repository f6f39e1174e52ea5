"""What `onprem` does on a host: reach the running bot, or be it for the length of a command."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bot import example
from bot.errors import Failed, Refused, UsageError
from bot.terminal.client import SOCKET, Interrupted, Screen, reach, screen_for, talk

if TYPE_CHECKING:
    from bot.config import Config

STATE_FILES = ("onprem.db", "workflows.db")
SETTLE_SECONDS = 3600.0
INTERRUPTED = 130
_NONE: Mapping[str, str] = {}
GOES_ON = "\nThe job goes on here until it ends. Ctrl-C again ends this process at once."


def run(place: Path) -> int:
    """`onprem run`."""
    from bot import main, registry
    from bot.config import ConfigFile
    from bot.logs import configure_logging
    from bot.redaction import Redactor

    redactor = Redactor()
    configure_logging(redactor=redactor)
    return asyncio.run(main.run(ConfigFile(place, command_names=registry.names), redactor))


def init(words: Sequence[str]) -> int:
    """`onprem init [FILE]`."""
    path = Path(words[0]) if words else Path("onprem.yaml")
    state = path.resolve().parent / "state"
    content = example.text(state=str(state), host=socket.gethostname(), user=getpass.getuser())
    example.write(path, content)
    print(f"Wrote {path}. Edit it, then run: onprem check")
    return 0


def manifest(config: Config) -> int:
    """`onprem manifest`."""
    from bot import manifest as slack_manifest
    from bot import registry

    print(slack_manifest.text(config, registry.load(config.commands).all), end="")
    return 0


def command(
    config: Config, words: Sequence[str], *, leave: Callable[[], None] = lambda: None
) -> int:
    """Any command: through the running bot, or in this process when the state is here and free.

    Args:
        config: Where the bot and its state are.
        words: The command.
        leave: Is called before the process ends at a second Ctrl-C.
    """
    directory = config.state.directory
    code = reach(directory, words)
    if code is not None:
        return code
    return asyncio.run(_alone(config, words, screen_for(words), leave))


def trial(kubeconfig: Path, words: Sequence[str], servers: Mapping[str, str] = _NONE) -> int:
    """`onprem --kubeconfig FILE …`: that cluster, with a state that is thrown away.

    Args:
        kubeconfig: How the cluster is reached.
        words: The command.
        servers: Addresses of `prometheus` and `alertmanager`, where there are such.
    """
    with tempfile.TemporaryDirectory(prefix="onprem-") as folder:
        config = _throw_away(Path(folder), kubeconfig.resolve(), servers)
        return command(config, words, leave=lambda: shutil.rmtree(folder, ignore_errors=True))


def in_sandbox(words: Sequence[str]) -> int:
    """`onprem --sandbox …`: a practice world for one command."""
    with _sandbox() as world:
        kinds = ("prometheus", "alertmanager")
        servers = {kind: url for kind in kinds for url in (world.get(kind) or {}).values()}
        return trial(Path(str(world["kubeconfig"])), words, servers)


def practice(which: str, words: Sequence[str]) -> int:
    """`onprem sandbox`, `onprem demo`."""
    if which == "demo":
        from sandbox import demo

        return demo.main(words)
    from sandbox import cli

    return cli.main(words)


def state(config: Config, words: Sequence[str]) -> int:
    """`onprem state copy | list | restore NAME`."""
    from bot.clock import now
    from bot.store import backup

    act, *rest = words
    directory = config.state.directory
    copies = config.state.backup_directory
    if act == "list" and not rest:
        for copy in backup.snapshots(copies):
            print(f"{copy.name}  {copy.size / 1e6:.1f} MB")
        return 0
    if act == "copy" and not rest:
        made = backup.snapshot([directory / name for name in STATE_FILES], copies, now=now())
        print(f"Copied to {made.path}")
        return 0
    if act == "restore" and len(rest) == 1:
        return _restore(config, rest[0])
    raise UsageError("Usage: onprem state copy | list | restore NAME")


def _restore(config: Config, name: str) -> int:
    from bot.clock import now
    from bot.instance import InstanceLock
    from bot.redaction import Redactor
    from bot.store import backup
    from bot.store.audit import AuditLog
    from bot.store.keys import AuditKey
    from bot.store.restore import restore

    directory = config.state.directory
    lock = InstanceLock(directory)
    try:
        key = AuditKey.load_or_create(config.state.key_file)
        actor = f"os:{socket.gethostname()}/{getpass.getuser()}"
        restored = restore(
            backup.chosen(config.state.backup_directory, name),
            {file: directory / file for file in STATE_FILES},
            config.state.backup_directory,
            log=AuditLog(key, now, Redactor()),
            actor=actor,
            person=config.person_of(actor),
            now=now(),
            note=config.state.key_file.with_name("audit.head"),
        )
    finally:
        lock.release()
    before = f" What it replaced is copy {restored.before.name}." if restored.before else ""
    print(f"The state is restored (audit row {restored.audit_seq}).{before}")
    return 0


async def _alone(
    config: Config, words: Sequence[str], screen: Screen, leave: Callable[[], None]
) -> int:
    from bot import main
    from bot.logs import configure_logging  # costs a tenth of a second that asking a bot need not

    configure_logging(quiet=True)
    path = config.state.directory / SOCKET
    hears, tells = os.pipe()

    def gone(code: int) -> None:
        leave()
        sys.stderr.flush()
        os._exit(code)

    try:
        async with main.serving(config, slack=False, leave=partial(gone, 1)) as product:
            talking = asyncio.create_task(asyncio.to_thread(talk, path, words, screen, hears))
            _interruptible(talking, tells, partial(gone, INTERRUPTED))
            try:
                return await talking
            except Interrupted:
                if not await product.engine.drain(0):
                    print(GOES_ON, file=sys.stderr)
                return INTERRUPTED
            finally:
                await product.engine.drain(SETTLE_SECONDS)
    except OSError as error:
        raise Refused(
            f"The state in {config.state.directory} cannot be used here",
            why=error.strerror or type(error).__name__,
            hint="Run this on the bot's own host, or ask through Slack",
        ) from error
    finally:
        os.close(hears)
        os.close(tells)


def _interruptible(talking: asyncio.Task[int], tells: int, gone: Callable[[], None]) -> None:
    """The first Ctrl-C ends the conversation, the next one the process.

    It must not end the loop: that would cancel running operations, as if somebody had wanted
    them stopped. A process that is just gone leaves them to the next start.
    """

    def interrupted() -> None:
        if not talking.done():
            os.write(tells, b"\n")
        else:
            gone()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)


def _throw_away(folder: Path, kubeconfig: Path, servers: Mapping[str, str]) -> Config:
    from bot.config import load

    content: Mapping[str, Any] = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"trial": {"kubeconfig": str(kubeconfig), **servers}},
        "admins": [f"os:{socket.gethostname()}/{getpass.getuser()}"],
        "apps": {"parse": _example_app()},
    }
    path = folder / "onprem.yaml"
    path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return load(path)


def _example_app() -> Mapping[str, Any]:
    whole = yaml.safe_load(example.text(state="state", host="host", user="user"))
    app: Mapping[str, Any] = whole["apps"]["parse"]
    return app


@contextmanager
def _sandbox() -> Iterator[Mapping[str, Any]]:
    """A practice world in a process of its own, ended with the command."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--until-eof"],
        stdin=subprocess.PIPE,  # closed with us, however we end
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise Failed("The practice world did not start", hint="Run `onprem sandbox` to see why")
        yield json.loads(line)
    finally:
        process.terminate()
        process.communicate()
