"""The operations that are killed, in an order in which each leaves what the next begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kill.bots import Bot, Edge, Ran
from tests.kill.practice import Practice

BAD = "9.9.9"
"""A version of MongoDB's image that cannot be pulled."""
SAVED = "saved-once"
"""A backup that the world made."""


@dataclass(frozen=True)
class Operation:
    """One command and what it comes to when nobody kills it.

    Attributes:
        name: For reports.
        words: The command.
        pods: Members of the replica set afterwards; 0 when there is none.
        state: How it ends.
        made: Revisions that it makes.
        replicas: Of the server and of MongoDB afterwards; empty when both are gone.
        moved: How many times a workload's specification changes, at most.
        backups: Complete ones that it makes.
        restores: Complete ones that it makes.
        lost: The namespace is deleted before it.
        saved: There is a backup `SAVED` before it.
        gone: Backups that are not there any more afterwards.
        schedules: Those that are there afterwards, by how Velero finds them.
    """

    name: str
    words: tuple[str, ...]
    pods: int = 3
    state: str = "done"
    made: int = 0
    replicas: tuple[int, ...] = (3, 3)
    moved: int = 0
    backups: int = 0
    restores: int = 0
    lost: bool = False
    saved: bool = False
    gone: int = 0
    schedules: tuple[str, ...] = ()

    @property
    def needs_velero(self) -> bool:
        """Whether it is about backups."""
        return self.words[0] in ("backup", "restore")


@dataclass(frozen=True)
class Cycle:
    """Operations that lead back to the beginning.

    Attributes:
        prepare: Run once, not killed.
        operations: Run again and again, killed at one point after the other.
        fresh: Each round begins with nothing, in a namespace of its own.
    """

    name: str
    prepare: tuple[tuple[str, ...], ...]
    operations: tuple[Operation, ...]
    fresh: bool = False


_PREPARED = (("deploy", "parse"), ("scale", "server", "3"))
_REPLACE = ("restore", "parse", "--replace", "--confirm", "parse")
_DELETE = ("backup", "delete", SAVED, "--confirm", SAVED)
_PLAN = ("backup", "schedule", "create", "parse", "--cron", "0 0 1 1 *", "--yes")
_UNPLAN = ("backup", "schedule", "delete", "parse", "--yes")

CYCLES = (
    Cycle(
        "install",
        (),
        (
            Operation("install", ("deploy", "parse"), made=1, replicas=(2, 3)),
            Operation("uninstall", ("uninstall", "parse", "--confirm", "parse"), 0, replicas=()),
            Operation(
                "uninstall --data",
                ("uninstall", "parse", "--data", "--confirm", "parse"),
                0,
                replicas=(),
            ),
        ),
        fresh=True,
    ),
    Cycle(
        "upgrade",
        _PREPARED,
        (
            Operation("upgrade", ("deploy", "parse", "--version", "8.1.0"), made=1, moved=1),
            # Helm goes back to two servers, and the size of `scale` is set again.
            Operation("rollback", ("rollback", "parse", "--yes"), made=1, moved=2),
        ),
    ),
    Cycle(
        "bad upgrade",
        _PREPARED,
        (
            Operation(
                "bad upgrade",
                ("deploy", "parse", "--set", f"mongodb.image.tag={BAD}", "--yes"),
                state="failed",
                made=2,
                moved=2,
            ),
        ),
    ),
    Cycle(
        "scale",
        _PREPARED,
        (
            Operation(
                "scale down", ("scale", "mongodb", "2", "--yes"), 2, replicas=(3, 2), moved=1
            ),
            Operation("scale up", ("scale", "mongodb", "3"), moved=1),
        ),
    ),
    Cycle("restart", _PREPARED, (Operation("restart", ("restart", "parse"), moved=1),)),
    Cycle("backup", _PREPARED, (Operation("backup", ("backup", "create", "parse"), backups=1),)),
    Cycle(
        "restore",
        (*_PREPARED, ("backup", "create", "parse")),
        (Operation("restore", ("restore", "parse", "--yes"), made=1, restores=1, lost=True),),
    ),
    Cycle(
        "drill",
        (*_PREPARED, ("backup", "create", "parse")),
        (Operation("drill", ("restore", "drill", "parse"), restores=1),),
    ),
    Cycle(
        "replace",
        # Once beforehand, so that the workloads that are killed over are restored ones each time.
        (*_PREPARED, ("backup", "create", "parse"), _REPLACE),
        (Operation("replace", _REPLACE, backups=1, restores=1),),
    ),
    Cycle(
        "backup delete",
        (),
        (Operation("backup delete", _DELETE, 0, replicas=(), saved=True, gone=1),),
    ),
    Cycle(
        "schedule",
        (),
        (
            Operation("schedule create", _PLAN, 0, replicas=(), schedules=("Enabled",)),
            Operation("schedule delete", _UNPLAN, 0, replicas=()),
        ),
    ),
)


@dataclass(frozen=True)
class Picture:
    """The world and the records at one moment, as far as an operation may change them."""

    revisions: Mapping[int, str]
    workloads: Mapping[str, Mapping[str, int]]
    secret: str
    claims: tuple[str, ...]
    backups: Mapping[str, str]
    restores: Mapping[str, str]
    schedules: tuple[str, ...]
    copies: tuple[str, ...]

    @property
    def newest(self) -> int:
        """The newest revision, 0 without one."""
        return max(self.revisions, default=0)


def _all(world: Any, path: str) -> list[Any]:
    """The objects of a kind; none where the cluster does not know it."""
    found = world.get(path)
    return list(found["items"]) if found else []


def picture(world: Practice, namespace: str, instead: str = "") -> Picture:
    """Looks at a namespace; into another one, which is empty, while that one is not there."""
    home = instead or namespace
    core, apps = f"/api/v1/namespaces/{home}", f"/apis/apps/v1/namespaces/{home}"
    secrets = world.get(f"{core}/secrets")["items"]
    own = [s for s in secrets if s["metadata"]["name"] == "parse-credentials"]
    helm = [s["metadata"]["labels"] for s in secrets if s["type"] == "helm.sh/release.v1"]
    items = {kind: world.get(f"{apps}/{kind}")["items"] for kind in ("deployments", "statefulsets")}
    return Picture(
        {int(labels["version"]): labels["status"] for labels in helm},
        {
            item["metadata"]["name"]: {
                "replicas": item["spec"]["replicas"],
                "ready": item["status"].get("readyReplicas", 0),
                "generation": item["metadata"]["generation"],
            }
            for found in items.values()
            for item in found
        },
        f"{own[0]['metadata']['uid']} {sorted(own[0]['data'].items())}" if own else "",
        tuple(
            sorted(
                claim["metadata"]["name"]
                for claim in world.get(f"{core}/persistentvolumeclaims")["items"]
                if "deletionTimestamp" not in claim["metadata"]
            )
        ),
        {
            backup["metadata"]["name"]: backup.get("status", {}).get("phase", "New")
            for backup in _all(world, "/apis/velero.io/v1/namespaces/velero/backups")
            if backup["spec"].get("includedNamespaces") == [namespace]
        },
        {
            restore["metadata"]["name"]: restore.get("status", {}).get("phase", "New")
            for restore in _all(world, "/apis/velero.io/v1/namespaces/velero/restores")
            if restore["spec"].get("includedNamespaces") == [namespace]
        },
        tuple(
            schedule.get("status", {}).get("phase", "New")
            for schedule in _all(world, "/apis/velero.io/v1/namespaces/velero/schedules")
            if schedule["spec"]["template"].get("includedNamespaces") == [namespace]
        ),
        tuple(
            found["metadata"]["name"]
            for found in world.get("/api/v1/namespaces")["items"]
            if found["metadata"]["name"].startswith(f"{namespace}-drill-")
        ),
    )


def effect(before: Picture, after: Picture, seen: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation came to, in words that are the same each time it is run."""
    return {
        "revisions made": after.newest - before.newest,
        "their states": [s for n, s in sorted(after.revisions.items()) if n > before.newest],
        "pending": [n for n, state in after.revisions.items() if state.startswith("pending")],
        "workloads": {
            name: {
                "replicas": now["replicas"],
                "ready": now["ready"],
                "moved": now["generation"]
                - before.workloads.get(name, {"generation": 0})["generation"],
            }
            for name, now in after.workloads.items()
        },
        "secret": "kept" if after.secret == before.secret else "made" if after.secret else "gone",
        "claims": after.claims,
        "backups made": sorted(
            phase for name, phase in after.backups.items() if name not in before.backups
        ),
        "backups gone": sum(name not in after.backups for name in before.backups),
        "schedules": after.schedules,
        "restores made": sorted(
            phase for name, phase in after.restores.items() if name not in before.restores
        ),
        "copies": after.copies,
        "members": seen["members"],
        "overrides": seen["overrides"],
        "recorded": seen["recorded"] - after.newest,
        "outcomes": seen["outcomes"],
        "verified": seen["verified"],
        "locks": seen["locks"],
        "processes": seen["processes"],
    }


def check_reference(operation: Operation, ran: Ran, found: Mapping[str, Any]) -> None:
    """Holds what a run without a kill came to against what the operation is for."""
    assert ran.told is not None
    assert ran.told["state"] == operation.state, ran.told
    assert found["revisions made"] == operation.made or not operation.replicas
    assert found["pending"] == found["locks"] == []
    assert found["processes"] == 0
    assert (found["outcomes"], found["verified"]) == (1, True)
    workloads = found["workloads"]
    names = ("parse-server", "parse-mongodb") if operation.replicas else ()
    assert tuple(workloads[name]["replicas"] for name in names) == operation.replicas
    assert all(w["ready"] == w["replicas"] for w in workloads.values())
    if operation.moved:
        assert max(w["moved"] for w in workloads.values()) == operation.moved
    assert found["backups made"] == ["Completed"] * operation.backups
    assert found["restores made"] == ["Completed"] * operation.restores
    assert found["backups gone"] == operation.gone
    assert found["schedules"] == operation.schedules
    assert found["copies"] == ()
    assert found["members"] == [f"parse-mongodb-{i}" for i in range(operation.pods)]


def look(bot: Bot, request: str, namespace: str, pods: int) -> dict[str, Any]:
    """What is on record about a request."""
    return bot.look(request=request, app="parse", namespace=namespace, pods=pods)


def edges_of(ran: Ran, step: str) -> list[str]:
    """The boundaries of one step that a process passed."""
    return [edge for name, edge in ran.edges if name == step]


def acted(edges: tuple[Edge, ...]) -> list[int]:
    """The boundaries at which a step has acted and nothing is on record about it yet."""
    return [n for n, (_, edge) in enumerate(edges) if edge == "acted"]
