"""The lab as a fixture: one control plane for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cluster.build import Builder, BuildError
from tests.cluster.lab import OLDER, Lab, servers_of


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab of the newest release; its logs stay in pytest's folder for three runs."""
    yield from _started(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def older_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab of the oldest release that is tested."""
    yield from _started(tmp_path_factory.mktemp("older-lab"), OLDER)


def _started(folder: Path, release: str = "") -> Iterator[Lab]:
    need(servers_of(release))
    with Lab.started(folder, release=release) as made:
        yield made


def need(programs: Sequence[str], builder: Builder | None = None) -> None:
    """Skip the test unless these are built; that takes longer than a test may, so not here."""
    try:
        missing = (builder or Builder()).missing(programs)
    except BuildError as error:
        pytest.skip(str(error))
    if missing:
        pytest.skip(
            f"not built yet: {', '.join(missing)}. Run `make test-lab`, which builds first."
        )
