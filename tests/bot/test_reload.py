"""SIGHUP: a running bot reads its configuration again, and keeps the old one when it is bad."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import yaml

from bot.config import ConfigFile
from bot.main import reload
from bot.redaction import Redactor
from bot.terminal.client import Screen, talk
from sandbox.tour.bot import running


class Shown:
    """What a terminal was shown."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


async def asked(path: Path) -> str:
    shown = Shown()
    screen = Screen(out=shown, err=shown)  # type: ignore[arg-type]
    await asyncio.to_thread(talk, path, ["can-i", "deploy", "blog"], screen)
    return shown.text


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


async def test_a_new_app_is_there_after_sighup_and_a_bad_file_changes_nothing(
    tmp_path: Path,
) -> None:
    config, log = tmp_path / "onprem.yaml", tmp_path / "bot.log"
    app = {"namespace": "shop", "chart": "builtin:parse-server"}
    me = f"os:{socket.gethostname()}/{getpass.getuser()}"
    body = {
        "state": {"directory": str(tmp_path / "state")},
        "clusters": {"lab": {}},
        "apps": {"shop": app},
        "admins": [me],
    }
    config.write_text(yaml.safe_dump(body))
    async with running(config, log) as bot:
        path = tmp_path / "state" / "onprem.sock"
        assert "There is no app called blog" in await asked(path)
        config.write_text(yaml.safe_dump({**body, "apps": {"shop": app, "blog": app}}))
        os.kill(bot.pid, signal.SIGHUP)
        await until(lambda: "configuration read again" in log.read_text())
        config.write_text("clusters: {}\nnonsense: 1\n")
        os.kill(bot.pid, signal.SIGHUP)
        await until(lambda: "configuration kept as it was" in log.read_text())
        assert "onprem.yaml:2" in log.read_text()
        assert "Yes, you may run deploy blog" in await asked(path)


async def test_secrets_that_are_new_are_hidden_as_well(tmp_path: Path) -> None:
    path, redactor = tmp_path / "onprem.yaml", Redactor()
    body = {"state": {"directory": str(tmp_path / "state")}, "clusters": {"lab": {}}}
    path.write_text(yaml.safe_dump(body))
    path.chmod(0o600)
    file = ConfigFile(path)
    body["clusters"] = {"lab": {"prometheus": {"url": "http://p", "token": "a-new-token"}}}
    path.write_text(yaml.safe_dump(body))
    await reload(file, redactor)
    assert file.current.clusters["lab"].prometheus
    assert "a-new-token" not in redactor.text("it says a-new-token")
