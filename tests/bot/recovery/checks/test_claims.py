"""Why claims have no volume, by what the cluster says of them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.recovery.checks.claims import explain


def claim(name: str, phase: str = "Pending") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase}}


def event(name: str, message: str, at: str = "2026-11-23T03:00:00Z") -> dict[str, Any]:
    involved = {"kind": "PersistentVolumeClaim", "name": name}
    return {"involvedObject": involved, "message": message, "lastTimestamp": at}


@pytest.mark.parametrize(
    ("said", "why", "hint"),
    [
        ('storageclass.storage.k8s.io "fast" not found',
         "storage class fast is not in this cluster", "Make storage class fast here"),
        ('volume "pvc-1" already bound to a different claim.',
         "volume pvc-1 belongs to another claim", "its storage class makes one"),
        ("no persistent volumes available for this claim and no storage class is set",
         "no volume is free", "default storage class"),
        ("Waiting for a volume to be created either by the external provisioner 'x' or manually",
         "its storage's provisioner has not made it", "pods of that provisioner"),
        ("failed to provision volume: disk 7\n is broken.",
         "failed to provision volume: disk 7 is broken)", "Look at the storage class"),
    ],
)  # fmt: skip
def test_the_cause_and_its_mend(said: str, why: str, hint: str) -> None:
    found = explain([claim("data-db-0")], [event("data-db-0", said)])
    assert found is not None
    assert found.why.startswith("a claim has no volume (data-db-0: ")
    assert why in found.why
    assert hint in found.hint


def test_the_newest_word_counts_and_bound_claims_need_none() -> None:
    late = event("data", "waiting for first consumer to be created before binding")
    early = event("data", 'storageclass "fast" not found', "2026-11-23T02:00:00Z")
    assert explain([claim("data")], [late, early]) is None
    assert explain([claim("data", "Bound")], [early]) is None
    assert explain([claim("other")], [early]) is None


def test_claims_with_one_cause_are_told_together() -> None:
    said = 'storageclass "fast" not found'
    found = explain([claim("a"), claim("b")], [event("a", said), event("b", said)])
    assert found is not None
    assert "a and b: storage class fast" in found.why
