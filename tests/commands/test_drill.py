"""restore drill on a practice cluster with Velero and the real chart: proved, refused, cleared."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.context import Weight
from bot.engine.operation import Operation
from bot.errors import Cancelled, Refused, UsageError
from bot.recovery.isolation import DRILL_LABEL, WALL
from bot.recovery.probing import network_policies
from bot.store import requests
from bot.store.db import Store
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    SERVICE,
    Kind,
)
from integrations.velero.kinds import RESTORE
from tests.commands.conftest import Cut, Journal, Killed, Office, Recorder, text_of, translate
from tests.commands.recovery import Recovery, open_recovery

pytestmark = [pytest.mark.helm, pytest.mark.timeout(120)]

LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)
USERS = 'db.getSiblingDB("parse").getCollection("_User")'
LABELS = {"app": "parseserver"}
INGRESS = Kind("networking.k8s.io/v1", "ingresses", "Ingress")


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
