"""The lab with everything that watches it, for bots that come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.slack import Limits, SlackServer, practice_workspace
from tests.cluster.monitoring import Server
from tests.lab.alerts.guard import SILENCE, Guard, guarded
from tests.lab.alerts.scene import APP, REPLICAS, Scene, chart
from tests.lab.grounds import NAMESPACE, Grounds


@pytest.fixture(scope="package")
def guard(
    grounds: Grounds,
    lab_state: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Guard]:
    """Prometheus and Alertmanager; each bot here listens where they post to."""
    with guarded(lab_state, tmp_path_factory.mktemp("guard")) as made:
        yield made


@pytest.fixture
async def scene(grounds: Grounds, guard: Guard, tmp_path: Path) -> AsyncIterator[Scene]:
    slack = SlackServer(practice_workspace(), limits=Limits.off())
    slack.workspace.app.commands = {"/onprem"}
    slack.workspace.app.escape_commands = True
    await slack.start()
    workspace = slack.workspace
    alice, adam = (
        f"slack:{workspace.team_id}/{workspace.person(name).id}" for name in ("alice", "adam")
    )
    account = {"kubeconfig": str(grounds.account)}
    addresses = {"prometheus": guard.prometheus.url, "alertmanager": guard.alertmanager.url}
    web = {"workload": "deployment/web", "replicas_value": "replicaCount"}
    app = {
        "namespace": NAMESPACE,
        "chart": str(chart(tmp_path / "chart")),
        "values": {"replicaCount": REPLICAS},
        "aliases": {"web": web},
        "timeout": 60,
    }
    config = grounds.config(
        tmp_path / "bot",
        clusters={"main": {**account, **addresses}},
        slack={
            "api_url": slack.api_url,
            "bot_token": slack.bot_token,
            "app_token": slack.app_token,
            "ops_channel": workspace.channel("ops").id,
        },
        alerts={
            "listen": f"127.0.0.1:{guard.port}",
            "token_file": str(guard.token_file),
            "watchdog": {"after": SILENCE},
        },
        apps={APP: app},
        persons={"alice": [alice]},
        admins=[adam],
    )
    try:
        yield Scene(grounds, guard, slack, config)
    finally:
        await slack.close()
        grounds.clear()
