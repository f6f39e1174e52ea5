"""Volumes that outlive their claims, with the real volume controller and the real Velero."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.lab import Json
from tests.lab.grounds import NAMESPACE, kubectl, wait_for
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.ward import Ward

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.helm,
    pytest.mark.kubectl,
    pytest.mark.timeout(240),
]
VOLUMES = "/api/v1/persistentvolumes"


def volumes(ward: Ward) -> dict[str, Json]:
    """The app's, by name."""
    items = ward.lab.api("GET", VOLUMES)["items"]
    ours = (v for v in items if v["spec"].get("claimRef", {}).get("namespace") == NAMESPACE)
    return {item["metadata"]["name"]: item for item in ours}


def claims(ward: Ward) -> dict[str, tuple[str, str]]:
    """Claim → its volume and its phase."""
    items = ward.grounds.find("persistentvolumeclaims")["items"]
    return {
        item["metadata"]["name"]: (item["spec"].get("volumeName", ""), item["status"]["phase"])
        for item in items
    }


@pytest.fixture
def kept(parse: Desk) -> Iterator[Desk]:
    """The app on volumes that outlive their claims."""
    ward = parse.ward
    names = set(volumes(ward))
    assert len(names) == 3
    for name in names:
        body = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
        ward.lab.api("PATCH", f"{VOLUMES}/{name}", body)
    yield parse
    ward.grounds.clear()
    for name in set(volumes(ward)) & names:
        ward.lab.api("DELETE", f"{VOLUMES}/{name}")


def test_a_claim_waits_until_its_volume_is_given_to_it(kept: Desk) -> None:
    ward = kept.ward
    kept.back_up()
    ward.destroy()
    wait_for(lambda: phases(ward) == {"Released"}, "the volumes outlive their claims")
    first, second, third = sorted(volumes(ward))
    ward.lab.api("DELETE", f"{VOLUMES}/{third}")
    wait_for(lambda: third not in volumes(ward), f"{third} is gone")
    said = kept.works("restore", "parseserver-backup", "--dry-run")
    for name in (first, second):
        assert f"will wait for volume {name} (reclaim policy Retain)" in said
        assert f"kubectl patch pv {name} -p" in said
    assert f"will wait for volume {third}" not in said
    assert f"(volume {third})" in said
    assert "makes such a volume as it was, on its OLD storage" in said

    number = kept.bot.tell("restore", "parseserver-backup", "--yes")
    wait_for(lambda: len(claims(ward)) == 3, "the claims are there")
    wait_for(lambda: phase_of(ward, third) == "Bound", "one has its volume again")
    assert phase_of(ward, first) == phase_of(ward, second) == "Pending"
    for name in (first, second):
        kubectl(ward.lab, "patch", "pv", name, "-p", '{"spec":{"claimRef":{"uid":null}}}')
    state, said = kept.read(kept.bot.answer(number), 120)
    assert state == "done", said
    assert {phase for _, phase in claims(ward).values()} == {"Bound"}


def test_a_drill_has_volumes_of_its_own(kept: Desk) -> None:
    """Its claims would wait for the live volumes, whose names they had in the backup."""
    ward = kept.ward
    before = {name: one["spec"] for name, one in volumes(ward).items()}
    name = kept.back_up()
    state, said = kept.read(kept.bot.answer(kept.bot.tell("restore", "drill", "parse")), 120)
    assert state == "done", said
    assert f"Backup {name} of parse on main is proved" in said
    assert "Left out on purpose" in said
    assert "PersistentVolume pvc-" in said
    assert {name: one["spec"] for name, one in volumes(ward).items()} == before
    copies = [v for v in ward.lab.api("GET", VOLUMES)["items"] if drilled(v)]
    wait_for(lambda: not [v for v in copies if exists(ward, v)], "what was made for the copy goes")


def drilled(volume: Json) -> bool:
    return "-drill-" in volume["spec"].get("claimRef", {}).get("namespace", "")


def exists(ward: Ward, volume: Json) -> bool:
    items = ward.lab.api("GET", VOLUMES)["items"]
    return volume["metadata"]["name"] in {item["metadata"]["name"] for item in items}


def phases(ward: Ward) -> set[str]:
    return {str(volume["status"]["phase"]) for volume in volumes(ward).values()}


def phase_of(ward: Ward, volume: str) -> str:
    """Of the claim that names a volume."""
    return next((phase for name, phase in claims(ward).values() if name == volume), "")
