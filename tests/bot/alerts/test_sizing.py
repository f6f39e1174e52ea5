"""How many pods a workload should have, as far as the bot knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.alerts.sizing import sizes
from bot.config import Config
from bot.store import overrides
from bot.store.db import Store
from bot.store.overrides import Override

SERVER, DATABASE = "deployment/parse-server", "statefulset/parse-mongodb"
PARSE = {
    "namespace": "parse",
    "chart": "builtin:parse-server",
    "aliases": {
        "server": {"workload": SERVER, "replicas_value": "replicaCount"},
        "mongodb": {"workload": DATABASE, "replicas_value": "mongodb.replicaCount"},
        "worker": {"workload": "deployment/worker"},
    },
}


def config(**changes: Any) -> Config:
    return Config.model_validate(
        {
            "state": {"directory": "state"},
            "clusters": {"main": {}},
            "apps": {"parse": {**PARSE, **changes}},
        },
        context={"base": Path("/nowhere")},
    )


def kept(kind: str, path: str, value: Any) -> Override:
    return Override(kind, path, value, "slack:T1/ANN", "ann", 1, "r")


async def known(store: Store, made: Config, namespace: str = "parse") -> dict[str, int]:
    return await store.read(lambda db: sizes(db, made, "main", namespace))


async def test_the_chart_says_it_unless_the_configuration_does(store: Store) -> None:
    assert await known(store, config()) == {SERVER: 2, DATABASE: 3}
    assert await known(store, config(values={"replicaCount": 5})) == {SERVER: 5, DATABASE: 3}
    assert await known(store, config(), "shop") == {}
    assert await known(store, config(), "") == {}


async def test_the_last_scale_counts_most(store: Store) -> None:
    await store.write(
        lambda db: overrides.save(
            db,
            "main",
            "parse",
            1,
            [kept("replicas", SERVER, 4), kept("value", "mongodb.replicaCount", 1)],
        )
    )
    found = await known(store, config(values={"replicaCount": 5}))
    assert found == {SERVER: 4, DATABASE: 1}


async def test_what_is_not_known_is_not_guessed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("replicaCount: 7")
    assert await known(store, config(values_files=[str(tmp_path / "v.yaml")])) == {}
    assert await known(store, config(chart="oci://example.org/chart")) == {}
    strange = config(values={"replicaCount": "two", "mongodb": {"replicaCount": True}})
    assert await known(store, strange) == {}
    assert await known(store, config(values={"replicaCount": 0})) == {DATABASE: 3}
