"""The lab as a fixture: one control plane for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.build import Builder, BuildError
from tests.cluster.lab import SERVERS, Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab; its logs stay in pytest's own folder for the last three runs.

    Building takes longer than a test may, so it is never done here.
    """
    try:
        missing = Builder().missing(SERVERS)
    except BuildError as error:
        pytest.skip(str(error))
    if missing:
        pytest.skip(
            f"not built yet: {', '.join(missing)}. Run `make test-lab`, which builds first."
        )
    with Lab.started(tmp_path_factory.mktemp("lab")) as made:
        yield made
