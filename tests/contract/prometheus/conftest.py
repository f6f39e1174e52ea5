"""The same tests against the practice Prometheus and a real one, which watches itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from tests.cluster.monitoring import Server, prometheus
from tests.contract.velero.world import eventually

ITSELF = {"targets": ["127.0.0.1:9090"]}


@dataclass(frozen=True)
class Answers:
    """A Prometheus that a test may ask.

    Attributes:
        url: Where it is.
        session: Asks.
    """

    url: str
    session: aiohttp.ClientSession

    async def ask(self, path: str, *, post: bool = False, **form: str) -> tuple[int, Any]:
        """The status and the JSON of an answer; text where it is no JSON."""
        url = f"{self.url}/api/v1/{path}"
        asked = self.session.post(url, data=form) if post else self.session.get(url, params=form)
        async with asked as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()

    async def data(self, path: str, **form: str) -> Any:
        """The data of an answer that is one."""
        status, body = await self.ask(path, **form)
        assert (status, body["status"]) == (200, "success"), body
        return body["data"]


@pytest.fixture(scope="session")
def real_prometheus(
    monitoring_tools: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A Prometheus whose only target never answers."""
    job = {"job_name": "itself", "scrape_interval": "1s", "static_configs": [ITSELF]}
    folder = tmp_path_factory.mktemp("prometheus-alone")
    with prometheus(folder, {"scrape_configs": [job]}) as made:
        yield made


@pytest.fixture(params=["sandbox", pytest.param("lab", marks=pytest.mark.lab)])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Answers]:
    async with aiohttp.ClientSession() as session:
        if request.param == "lab":
            real: Server = request.getfixturevalue("real_prometheus")
            answers = Answers(real.url, session)

            async def scraped() -> bool:
                return bool((await answers.data("query", query="up"))["result"])

            await eventually(scraped)
            yield answers
            return
        cluster = await PracticeCluster.started("main", tmp_path / "kube", pace=Pace())
        practice, _ = await cluster.watched(pace=Pace().scaled(0.05))
        yield Answers(practice.url, session)
        await cluster.close()
