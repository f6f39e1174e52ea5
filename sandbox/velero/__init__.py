"""Velero in the practice world: it behaves as its custom resources say, and restores data.

Facts are those of Velero v1.18.3 (``config/crd``, ``pkg/controller``, ``pkg/backup``,
``pkg/restore``). Objects are really saved and made again; what lies on volumes is a small document
for each (`sandbox.kube.pods.disks`). No snapshots, no data mover, no resource policies.
"""

from __future__ import annotations

from sandbox.velero.faults import SWITCHES, Faults
from sandbox.velero.objectstore import ObjectStore
from sandbox.velero.server import PracticeVelero

__all__ = ["SWITCHES", "Faults", "ObjectStore", "PracticeVelero"]
