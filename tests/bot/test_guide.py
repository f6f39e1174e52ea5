"""The configurations that the guide to alerts shows are valid, and it shows every setting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import load
from bot.config.alerting import AlertsConfig
from tests.bot.test_example import fields, keys

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "alerts.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
HIDDEN = {"token", "password", "port", "ca_file"}
"""Settings that need no example: a file is better than a secret, the rest is usual."""


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_shown_loads(block: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = yaml.safe_load(block)
    for name in ("alerts-token", "mail-password"):
        secret = tmp_path / "secrets" / name
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("a-secret")
        secret.chmod(0o600)
    least: dict[str, Any] = {"state": {"directory": "state"}, "clusters": {"main": {}}}
    path = tmp_path / "onprem.yaml"
    path.write_text(yaml.safe_dump(least | settings))
    assert load(path)


def test_every_setting_is_shown() -> None:
    shown = set().union(*(keys(yaml.safe_load(block)) for block in BLOCKS))
    assert fields(AlertsConfig) - HIDDEN <= shown


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE):
        assert (DOCS / target).exists(), target
