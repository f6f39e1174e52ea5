"""Velero on the lab as fixtures: started once for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.fixtures import need
from tests.cluster.lab import Lab
from tests.cluster.recovery import TOOLS, ObjectStore, VeleroServer


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A MinIO for all Velero servers of a run."""
    need(TOOLS)
    with ObjectStore.started(tmp_path_factory.mktemp("object-store")) as made:
        yield made


@pytest.fixture(scope="session")
def lab_velero(
    object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VeleroServer]:
    """A Velero with a control plane of its own: its kinds would show in other tests."""
    yield from _started(object_store, tmp_path_factory.mktemp("velero"))


@pytest.fixture(scope="session")
def second_velero(
    object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VeleroServer]:
    """Another control plane with a Velero on the same store."""
    yield from _started(object_store, tmp_path_factory.mktemp("second"))


def _started(store: ObjectStore, folder: Path) -> Iterator[VeleroServer]:
    with (
        Lab.started(folder / "lab") as made,
        VeleroServer.started(made, store, folder / "velero") as server,
    ):
        yield server
