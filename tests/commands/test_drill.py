"""restore drill on a practice cluster with Velero and the real chart: proved, refused, cleared."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.context import Weight
from bot.errors import Cancelled
from bot.recovery.drills.isolation import WALL
from bot.store.db import Store
from integrations.kubernetes.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    SERVICE,
    Kind,
)
from sandbox.kube.resources import (
    CRONJOBS,
    INGRESSES,
    NETWORKPOLICIES,
    PODS,
    SERVICES,
    Resource,
)
from tests.commands.conftest import Cut, Office, text_of
from tests.commands.recovery import Recovery, open_recovery

pytestmark = [pytest.mark.helm, pytest.mark.timeout(120)]

LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)
USERS = 'db.getSiblingDB("parse").getCollection("_User")'
LABELS = {"app": "parseserver"}
INGRESS = Kind("networking.k8s.io/v1", "ingresses", "Ingress")
CRON_JOB = Kind("batch/v1", "cronjobs", "CronJob")
BACKEND = {
    "path": "/",
    "pathType": "Prefix",
    "backend": {"service": {"name": "parse-server", "port": {"number": 1337}}},
}


def parse_config(folder: Path, **changes: Any) -> Config:
    app = {
        "namespace": "parse",
        "chart": "builtin:parse-server",
        "credentials": {},
        "aliases": {"mongodb": {"workload": "statefulset/parse-mongodb", "members": "mongodb"}},
        "backup": {
            "name": "parseserver-backup",
            "selector": "app=parseserver",
            "drill": {"database": "mongodb", "counts": ["parse._User"], "timeout": 20},
        },
        "probes": [{"name": "health", "service": "parse-server", "path": "/parse/health"}],
        **changes,
    }
    body = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"main": {}},
        "admins": ["slack:T1/ANN"],
        "apps": {"parse": app},
    }
    return Config.model_validate(json.loads(json.dumps(body)), context={"base": folder})


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    """A cluster with the app of the chart, three documents in it."""
    async with open_recovery(tmp_path, parse_config(tmp_path)) as made:
        yield made


@pytest.fixture
async def office(tmp_path: Path, store: Store, recovery: Recovery) -> Office:
    made = Office(parse_config(tmp_path), store, {"main": recovery.cluster})
    made.now = time.time_ns() // 1000  # Velero reads the real clock
    await made.run("deploy parse")
    await script(recovery, "insertMany([{ a: 1 }, { a: 2 }, { a: 3 }])")
    return made


async def script(recovery: Recovery, call: str, namespace: str = "parse") -> str:
    from integrations.kubernetes.exec import exec_in_pod

    command = ["mongosh", "--quiet", "--norc", "--eval", f"{LOGIN} print({USERS}.{call})"]
    said = await exec_in_pod(recovery.kube, namespace, "parse-mongodb-0", "mongodb", command)
    assert said.exit_code == 0, said.stderr
    return said.stdout.strip().splitlines()[-1]


async def copies(recovery: Recovery) -> list[str]:
    found = (await recovery.kube.list(NAMESPACE)).items
    return [n["metadata"]["name"] for n in found if "drill" in n["metadata"]["name"]]


async def left(recovery: Recovery) -> list[str]:
    """Everything of a drill that should not be there afterwards."""
    maps = (await recovery.kube.list(CONFIG_MAP, "velero")).items
    volumes = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
    kept = (await recovery.kube.list(volumes)).items
    return [
        *(await copies(recovery)),
        *(m["metadata"]["name"] for m in maps if "drill" in m["metadata"]["name"]),
        *(v["metadata"]["name"] for v in kept if "drill" in v["spec"]["claimRef"]["namespace"]),
    ]


async def test_a_drill_proves_documents_and_leaves_nothing(
    office: Office, recovery: Recovery
) -> None:
    await office.run("backup create parse")
    plan = await office.plan("restore drill parse")
    assert plan.weight is Weight.RUN
    result, document = await office.run("restore drill parse", plan)
    assert result.ok, text_of(document)
    assert result.counts == (("parse._User", 3, 3),)
    assert result.probes == (("health", True, "/parse/health answers 200"),)
    assert result.ready_after > 0
    assert await left(recovery) == []
    assert await script(recovery, "countDocuments({})") == "3"
    (kept,) = await office.desk.drills(office.parsed("status parse")[2].target)
    assert (kept.proved, kept.backup, kept.why) == (True, result.backup, "")
    assert kept.ready_after == result.ready_after
    assert await office.desk.proved_backups("main") == {result.backup: kept.finished_at}


@dataclass
class Until(Cut):
    """Does something at one boundary, and does not end the process there."""

    look: Callable[[], object] = lambda: None

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        self.seen.append((step, edge))
        if (step, edge) == (self.step, self.edge):
            self.look()


def inside(recovery: Recovery, resource: Resource) -> dict[str, Any]:
    found = recovery.practice.store.list(resource)
    return {
        o["metadata"]["name"]: o for o in found if "-drill-" in o["metadata"].get("namespace", "")
    }


async def test_the_walls_stand_before_anything_is_restored(
    office: Office, recovery: Recovery
) -> None:
    await office.run("backup create parse")
    looked: list[Any] = []

    def look() -> None:
        looked.append((inside(recovery, NETWORKPOLICIES), inside(recovery, PODS)))

    await office.run(
        "restore drill parse", cut=Until("ask Velero for the restore", "before", look=look)
    )
    policies, pods = looked[0]
    assert pods == {}
    spec = policies[WALL]["spec"]
    assert spec["podSelector"] == {}
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert spec["ingress"] == [{"from": [{"podSelector": {}}]}]
    inner, dns = spec["egress"]
    assert inner == {"to": [{"podSelector": {}}]}
    assert {p["port"] for p in dns["ports"]} == {53}


async def test_ways_in_and_what_acts_alone_stay_out_of_the_copy(
    office: Office, recovery: Recovery
) -> None:
    rule = {"host": "parse.example.com", "http": {"paths": [BACKEND]}}
    await recovery.make(INGRESS, "web", LABELS, "parse", spec={"rules": [rule]})
    job = {"containers": [{"name": "main", "image": "x:1"}], "restartPolicy": "Never"}
    template = {"spec": {"template": {"spec": job}}}
    cron = {"schedule": "0 3 * * *", "jobTemplate": template}
    await recovery.make(CRON_JOB, "nightly", LABELS, "parse", spec=cron)
    outside = {
        "type": "NodePort",
        "ports": [{"port": 80, "nodePort": 30080}],
        "selector": {"a": "b"},
        "externalIPs": ["192.0.2.7"],
    }
    await recovery.make(SERVICE, "outside", LABELS, "parse", spec=outside)
    await office.run("backup create parse")
    looked: dict[str, dict[str, Any]] = {}

    def look() -> None:
        for resource in (INGRESSES, CRONJOBS, NETWORKPOLICIES, SERVICES):
            looked[resource.plural] = inside(recovery, resource)

    result, _ = await office.run(
        "restore drill parse", cut=Until("ask the probes", "before", look=look)
    )
    assert result.ok, result.why
    assert looked["ingresses"] == looked["cronjobs"] == {}
    assert set(looked["networkpolicies"]) == {WALL}
    service = looked["services"]["outside"]["spec"]
    assert service["type"] == "ClusterIP"
    assert "externalIPs" not in service
    assert "nodePort" not in service["ports"][0]
    assert {"Ingress web", "CronJob nightly", "NetworkPolicy parse-mongodb"} <= set(result.left_out)
    assert await left(recovery) == []


@pytest.mark.parametrize("where", ["secret", "env", "external", "address"])
async def test_a_copy_that_names_a_live_host_is_never_made(
    office: Office, recovery: Recovery, where: str
) -> None:
    host = "parse-mongodb-0.parse-mongodb.parse"
    if where == "secret":
        uri = f"mongodb://root:topsecret@{host}.svc.cluster.local:27017/parse"
        await recovery.make(SECRET, "legacy", LABELS, "parse", stringData={"uri": uri})
        named = "Secret legacy (data.uri)"
    elif where == "env":
        containers = [{"name": "parse-server", "env": [{"name": "DB", "value": f"{host}:27017"}]}]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        await recovery.kube.patch(DEPLOYMENT, "parse", "parse-server", body, type="strategic")
        named = "Deployment parse-server (env DB of container parse-server)"
    elif where == "address":
        live = await recovery.kube.get(SERVICE, "parse", "parse-server")
        told = f"http://{live['spec']['clusterIP']}:1337/parse"
        await recovery.make(CONFIG_MAP, "peers", LABELS, "parse", data={"url": told})
        named = "ConfigMap peers (data.url)"
    else:
        spec = {"type": "ExternalName", "externalName": f"{host}.svc.cluster.local"}
        await recovery.make(SERVICE, "alias", LABELS, "parse", spec=spec)
        named = "Service alias (spec.externalName)"
    await office.run("backup create parse")
    seen = Cut()
    result, document = await office.run("restore drill parse", cut=seen)
    assert not result.ok
    assert named in result.why
    assert "topsecret" not in text_of(document)
    assert not any("create namespace" in step for step, _ in seen.seen)
    assert (await recovery.velero.restores()) == ()
    (kept,) = await office.desk.drills(office.parsed("status parse")[2].target)
    assert (kept.proved, kept.ready_after) == (False, None)


async def test_an_image_that_is_gone_fails_the_drill_and_the_copy_goes(
    office: Office, recovery: Recovery
) -> None:
    containers = [{"name": "parse-server", "image": "docker.io/parseplatform/parse-server:broken"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await recovery.kube.patch(DEPLOYMENT, "parse", "parse-server", body, type="strategic")
    await office.run("backup create parse")
    result, document = await office.run("restore drill parse")
    assert not result.ok
    assert "image" in result.why.lower()
    assert "is not proved" in document.headline
    assert await left(recovery) == []


async def test_a_probe_that_fails_fails_the_drill(
    tmp_path: Path, store: Store, office: Office, recovery: Recovery
) -> None:
    await office.run("backup create parse")
    probe = {"name": "front page", "service": "parse-server", "path": "/nowhere"}
    office.config = parse_config(tmp_path, probes=[probe])
    result, document = await office.run("restore drill parse")
    assert not result.ok
    assert "/nowhere answers 404 instead of 200" in result.why
    assert "Ready after" in text_of(document)
    assert await left(recovery) == []


async def test_an_empty_database_fails_the_drill(office: Office, recovery: Recovery) -> None:
    await script(recovery, "deleteMany({})")
    await office.run("backup create parse")
    await script(recovery, "insertOne({ a: 1 })")
    result, _ = await office.run("restore drill parse")
    assert not result.ok
    assert "parse._User" in result.why
    assert result.counts == (("parse._User", 0, 1),)


async def test_a_cancelled_drill_leaves_nothing_and_proves_nothing(
    office: Office, recovery: Recovery
) -> None:
    await office.run("backup create parse")
    cut = Until("Velero restores", "before", look=lambda: office.operation.cancel("ann"))
    with pytest.raises(Cancelled):
        await office.run("restore drill parse", cut=cut)
    assert await left(recovery) == []
    assert await office.desk.drills(office.parsed("status parse")[2].target) == []


async def test_a_server_that_is_away_is_told_and_the_copy_goes(
    office: Office, recovery: Recovery
) -> None:
    await office.run("backup create parse")
    looked = Until(
        "ask Velero for the restore", "before", look=lambda: recovery.server.fault("away")
    )
    result, _ = await office.run("restore drill parse", cut=looked)
    assert not result.ok
    assert "does not answer" in result.why
    assert await left(recovery) == []
    recovery.server.heal()
    assert await recovery.velero.restores() == ()  # it was withdrawn, and does not come back


async def test_a_restore_under_way_ends_before_its_namespace_goes(
    office: Office, recovery: Recovery
) -> None:
    """Else Velero would make the namespace anew, without walls."""
    await office.run("backup create parse")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_later(0.3, office.operation.cancel, "ann")
        loop.call_later(0.8, recovery.server.heal)

    recovery.server.fault("sticks")
    with pytest.raises(Cancelled):
        await office.run("restore drill parse", cut=Until("Velero restores", "before", look=stop))
    (restore,) = await recovery.velero.restores()
    await recovery.velero.follow_restore(restore.name)
    assert await left(recovery) == []


STEPS = (
    "look for hosts of the live app",
    "create namespace parse-drill-00000000",
    "take the rights to work there",
    "wall it in",
    "ask Velero for the restore",
    "Velero restores",
    "read what became of each object",
    "see what came back",
    "wait until the copy is ready",
    "take the time",
    "ask the probes",
    "count documents",
    "delete namespace parse-drill-00000000",
    "keep the result",
)


async def test_the_steps_are_those_that_are_cut_below(office: Office) -> None:
    await office.run("backup create parse")
    seen = await office.boundaries("restore drill parse")
    assert tuple(dict.fromkeys(step for step, _ in seen)) == STEPS


@pytest.mark.parametrize("edge", ["acted", pytest.param("before", marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cut_drill_goes_on_and_clears_up(
    office: Office, recovery: Recovery, step: str, edge: str
) -> None:
    await office.run("backup create parse")
    result, document = await office.run_cut("restore drill parse", step, edge)
    assert result.ok, text_of(document)
    assert len(await recovery.velero.restores()) == 1
    assert await left(recovery) == []
    (kept,) = await office.desk.drills(office.parsed("status parse")[2].target)
    assert kept.proved
