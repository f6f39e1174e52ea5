"""A test that needs the lab skips, with a reason, where the lab cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.build import Builder
from tests.cluster.fixtures import need
from tests.cluster.lab import SERVERS


def test_without_go_the_reason_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.skip.Exception, match="Go is needed to build the servers"):
        need(SERVERS, Builder(tmp_path))


def test_what_is_not_built_yet_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go1.99 linux amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(pytest.skip.Exception, match="not built yet: etcd"):
        need(["etcd"], Builder(tmp_path / "cache"))
