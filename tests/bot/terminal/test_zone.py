"""Whose clock it is."""

from __future__ import annotations

from pathlib import Path

from bot.terminal.zone import local_zone


def test_the_environment_says(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    assert local_zone({"TZ": "Asia/Tokyo"}, nowhere) == "Asia/Tokyo"
    assert local_zone({"TZ": ":Asia/Tokyo"}, nowhere) == "Asia/Tokyo"
    assert local_zone({}, nowhere) == "UTC"
    assert len(local_zone({"TZ": "x" * 10_000}, nowhere)) == 64


def test_the_host_says(tmp_path: Path) -> None:
    zone = tmp_path / "zoneinfo" / "Europe" / "Berlin"
    zone.parent.mkdir(parents=True)
    zone.write_bytes(b"TZif")
    link = tmp_path / "localtime"
    link.symlink_to(zone)
    assert local_zone({}, str(link)) == "Europe/Berlin"
    assert local_zone({"TZ": str(zone)}, str(tmp_path / "none")) == "Europe/Berlin"


def test_a_plain_file_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif")
    assert local_zone({}, str(tmp_path / "localtime")) == "UTC"
