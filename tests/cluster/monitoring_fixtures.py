"""What watches the lab, as fixtures: started once for all tests of a run.

metrics-server is one for a module only: tests elsewhere expect a lab without the metrics API.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.build import Builder, BuildError
from tests.cluster.lab import Lab
from tests.cluster.metrics import metrics_server
from tests.cluster.monitoring import (
    TOOLS,
    Server,
    alertmanager,
    apiserver_job,
    job,
    kube_state_metrics,
    node_exporter,
    prometheus,
)

ROUTE = {"receiver": "nobody", "group_wait": "0s", "group_interval": "1s"}


@pytest.fixture(scope="session")
def monitoring_tools() -> None:
    """Building takes longer than a test may, so it is never done here."""
    try:
        missing = Builder().missing(TOOLS)
    except BuildError as error:
        pytest.skip(str(error))
    if missing:
        pytest.skip(f"not built yet: {', '.join(missing)}. Run `make test-lab`.")


@pytest.fixture(scope="session")
def lab_state(
    lab: Lab,
    monitoring_tools: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """The kube-state-metrics of the lab."""
    with kube_state_metrics(lab, tmp_path_factory.mktemp("kube-state-metrics")) as made:
        yield made


@pytest.fixture(scope="session")
def machine(monitoring_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node_exporter of this machine."""
    with node_exporter(tmp_path_factory.mktemp("node_exporter")) as made:
        yield made


@pytest.fixture(scope="session")
def lab_alertmanager(
    monitoring_tools: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """An Alertmanager that tells nobody."""
    config = {"route": ROUTE, "receivers": [{"name": "nobody"}]}
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as made:
        yield made


@pytest.fixture(scope="session")
def lab_prometheus(
    lab: Lab,
    lab_state: Server,
    machine: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A Prometheus that looks every second at the API server, the lab's objects, this machine."""
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = [
        apiserver_job(lab, folder),
        job("kube-state-metrics", lab_state),
        job("node_exporter", machine),
    ]
    with prometheus(folder, {"scrape_configs": jobs}) as made:
        yield made


@pytest.fixture(scope="module")
def lab_metrics(
    lab: Lab,
    monitoring_tools: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """The metrics-server of the lab."""
    with metrics_server(lab, tmp_path_factory.mktemp("metrics-server")) as made:
        yield made
