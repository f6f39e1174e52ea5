"""Where the bot's state is, for those who only ask the running bot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.place import state_directory


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state: {directory: /var/lib/onprem}\nslack: {bot_token_file: gone}", "/var/lib/onprem"),
        ("state: {directory: state}", "state"),
        ("state: {}", None),
        ("state: [", None),
        ("", None),
    ],
)
def test_where_the_state_lies_needs_nothing_else(
    tmp_path: Path, text: str, found: str | None
) -> None:
    path = tmp_path / "onprem.yaml"
    path.write_text(text)
    assert state_directory(path) == (tmp_path / found if found else None)
    assert state_directory(tmp_path / "none.yaml") is None


def test_asking_the_running_bot_loads_nothing_that_checks_configurations() -> None:
    code = "import bot.cli, bot.host, bot.place, bot.terminal.client, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "structlog", "aiohttp", "sqlite3"} & set(done.stdout.split())
