"""The same tests against the practice cluster and real control planes of two releases.

The real ones are started once for all tests, and only when a test marked ``lab`` runs. Each test
gets a namespace of its own. A test that expects something else of one world says so with
``differs``; ``docs/contract.md`` shows the reason.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from sandbox.kube.server import VERSION
from tests.cluster.lab import OLDER, Lab
from tests.contract.client import Api, Json
from tests.contract.people import People

QUICK = Pace().scaled(0.05)
VALUE = re.compile(r'Invalid value: ([\w.\[\]]*\{.*?\}|\[.*?\]|"?null"?|"[^"]*")(?=: )')
WORLDS = {"sandbox": "", "lab": "lab", f"lab-{OLDER}": "older_lab"}
"""Each world, and the fixture that starts it once for all tests."""


@dataclass(frozen=True)
class Cluster:
    """What a test may ask of any world.

    Attributes:
        name: One of ``WORLDS``.
        minor: Of its Kubernetes version: 35 for 1.35.
        kubeconfig: An administrator's.
        forget: Loses all history up to now, as after some time: old versions and page tokens
            end with 410.
        practice: The practice world itself, for what no API steers; None: it is a real one.
    """

    name: str
    minor: int
    kubeconfig: Path
    forget: Callable[[], Awaitable[None]]
    practice: PracticeCluster | None = None


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=[pytest.mark.lab] if by else []) for name, by in WORLDS.items()
    ],
)
def world(
    request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]
) -> tuple[str, str, Lab | None]:
    """A world's name, version and server; all tests of one world run after each other."""
    name, version, real = request.param, VERSION, None
    if WORLDS[name]:
        real = request.getfixturevalue(WORLDS[name])
        version = real.api("GET", "/version")["gitVersion"]
    record_testsuite_property(name, version)
    return name, version, real


@pytest.fixture
async def cluster(world: tuple[str, str, Lab | None], tmp_path: Path) -> AsyncIterator[Cluster]:
    name, version, real = world
    minor = int(version.split(".")[1])
    if real is not None:

        async def restart() -> None:
            real.compact()
            # The API server's caches remember longer than its store.
            real.apiserver.kill()
            real.start_apiserver()

        yield Cluster(name, minor, real.kubeconfig, restart)
        return
    kubeconfig = tmp_path / "kubeconfig"
    practice = await PracticeCluster.started("sandbox", kubeconfig, pace=QUICK)
    store = practice.store

    async def forget() -> None:
        store.log.compact(store.version)

    yield Cluster(name, minor, kubeconfig, forget, practice)
    await practice.close()


@pytest.fixture
def differs(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says why this test expects something else of this world; the page shows it."""

    def say(why: str) -> None:
        request.node.user_properties.append(("differs", why))

    return say


@pytest.fixture
def same_words(cluster: Cluster, differs: Callable[[str], None]) -> Callable[[str, str], None]:
    """Compares messages that show a value; before 1.34 it stands there in Go's notation."""

    def check(said: str, wanted: str) -> None:
        if said != wanted and cluster.minor < 34:
            differs("before 1.34 messages show values in Go's own notation")
            said, wanted = (VALUE.sub("Invalid value: …", text) for text in (said, wanted))
        assert said == wanted

    return check


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    namespace = f"contract-{secrets.token_hex(4)}"
    async with Api.connected(cluster.kubeconfig, namespace) as made:
        body = {"metadata": {"name": namespace}}
        await made("POST", "/api/v1/namespaces", body, expect=201)
        yield made
        await made("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
async def people(api: Api) -> AsyncIterator[People]:
    made = People(api)
    yield made
    await made.leave()


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Access(cluster.name, cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def config_map() -> Callable[..., Json]:
    def make(name: str, data: dict[str, str] | None = None, **metadata: Any) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, **metadata},
            "data": data or {"colour": "red"},
        }

    return make


@pytest.fixture
def workload() -> Callable[..., Json]:
    """Makes Deployments and StatefulSets as a user writes them."""

    def make(
        kind: str, name: str = "web", *, image: str = "example.com/web:1", **spec: Any
    ) -> Json:
        labels = {"app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image}],
            },
        }
        return {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
        }

    return make


@pytest.fixture
def pod() -> Callable[..., Json]:
    def make(name: str, *, image: str = "example.com/web:1", **labels: str) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image}],
            },
        }

    return make
