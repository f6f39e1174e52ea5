"""Velero on the lab as fixtures: started once for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.fixtures import lab, need  # noqa: F401
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
    lab: Lab,  # noqa: F811
    object_store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[VeleroServer]:
    """The Velero of the lab."""
    with VeleroServer.started(lab, object_store, tmp_path_factory.mktemp("velero")) as made:
        yield made


@pytest.fixture(scope="session")
def second_velero(
    object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VeleroServer]:
    """Another control plane with a Velero on the same store."""
    folder = tmp_path_factory.mktemp("second")
    with (
        Lab.started(folder / "lab") as second,
        VeleroServer.started(second, object_store, folder / "velero") as made,
    ):
        yield made
