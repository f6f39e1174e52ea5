"""Finding helm, and telling whether a chart changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.helm.binary import find_helm
from integrations.helm.chart import chart_digest
from integrations.helm.errors import HelmMissing


def program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("says", "major"), [("v3.17.3", 3), ("v4.3.1+gabc", 4)])
async def test_the_configured_helm_is_asked(tmp_path: Path, says: str, major: int) -> None:
    found = await find_helm(str(program(tmp_path / "helm", says)))
    assert (found.version, found.major) == (says, major)


async def test_path_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = program(tmp_path / "helm", "v3.99.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (await find_helm()).path == mine


@pytest.mark.helm
async def test_the_wheel_serves_when_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await find_helm()).major in (3, 4)


@pytest.mark.parametrize("says", ["v2.17.0", "v3.12.3", "v5.0.0", "not helm at all"])
async def test_other_programs_are_refused(tmp_path: Path, says: str) -> None:
    with pytest.raises(HelmMissing, match="helm"):
        await find_helm(str(program(tmp_path / "helm", says)))


async def test_a_configured_helm_that_is_absent_is_said(tmp_path: Path) -> None:
    with pytest.raises(HelmMissing, match="does not exist"):
        await find_helm(str(tmp_path / "absent"))


async def test_a_charts_digest_follows_its_content(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: a")
    (chart / "templates" / "x.yaml").write_text("b")
    first = await chart_digest(chart)
    assert first == await chart_digest(chart)
    (chart / "templates" / "x.yaml").rename(chart / "templates" / "y.yaml")
    renamed = await chart_digest(chart)
    (chart / "templates" / "y.yaml").write_text("c")
    assert len({first, renamed, await chart_digest(chart)}) == 3


async def test_a_remote_charts_digest_follows_its_version() -> None:
    one, two = [await chart_digest("oci://registry/parse", v) for v in ("1.0.0", "1.0.1")]
    assert one != two
