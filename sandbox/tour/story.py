"""What happens on the tour, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.kube.resources import DEPLOYMENTS, STATEFULSETS
from sandbox.world import World

Check = Callable[[World], str]
"""Looks at the world; returns what is wrong, nothing when all is well."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does, and what must come of it.

    Attributes:
        who: Their name in the workspace.
        channel: Where.
        types: The line they type; empty when they click.
        clicks: The label of the button they click, in the answer to the act before.
        expects: Words that the answer must hold.
        check: What must be true in the cluster then.
        seconds: How long the answer may take.
        name: For pictures of this moment; empty for none.
    """

    who: str
    channel: str
    types: str = ""
    clicks: str = ""
    expects: tuple[str, ...] = ()
    check: Check = lambda _: ""
    seconds: float = 60.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the story."""

    title: str
    acts: tuple[Act, ...]


def workload(kind: str, name: str, *, ready: int, tag: str = "") -> Check:
    """A workload must have so many ready pods, and perhaps an image of that tag."""
    resource = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFULSETS}[kind]

    def check(world: World) -> str:
        found = world.clusters[0].store.peek(resource, "parse", name)
        if found is None:
            return f"the cluster has no {kind} {name}"
        has = found.get("status", {}).get("readyReplicas", 0)
        if has != ready or found["spec"]["replicas"] != ready:
            return f"{name} has {has} ready pods of {found['spec']['replicas']}, not {ready}"
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        if tag and not image.endswith(f":{tag}"):
            return f"{name} runs {image}, not :{tag}"
        return ""

    return check


STORY: Sequence[Chapter] = (
    Chapter(
        "Adam is admin by the configuration; he gives the others their roles",
        (
            Act("adam", "ops", "/onprem role grant @alice operator", expects=("operator",)),
            Act("adam", "ops", "/onprem role grant @vera viewer", expects=("viewer",)),
        ),
    ),
    Chapter(
        "Alice deploys Parse Server with its database",
        (
            Act(
                "alice",
                "parse",
                "/onprem deploy parse",
                expects=("parse", "is running", "revision 1"),
                check=workload("StatefulSet", "parse-mongodb", ready=3),
                name="deploy",
            ),
            Act("alice", "parse", "/onprem status parse", expects=("2/2", "3/3")),
        ),
    ),
    Chapter(
        "She scales the database down; the bot warns, asks, and changes the replica set too",
        (
            Act(
                "alice",
                "parse",
                "/onprem scale mongodb 2",
                expects=("from 3 to 2", "majority"),
                name="scale",
            ),
            Act(
                "alice",
                "parse",
                clicks="Go on",
                expects=("2",),
                check=workload("StatefulSet", "parse-mongodb", ready=2),
            ),
        ),
    ),
    Chapter(
        "Vera may only look",
        (
            Act(
                "vera",
                "parse",
                "/onprem deploy parse",
                expects=("You may not deploy", "operator"),
                name="denied",
            ),
            Act("vera", "parse", "/onprem can-i deploy parse", expects=("No",)),
        ),
    ),
    Chapter(
        "A new version, which keeps the scale; then one whose image does not exist",
        (
            Act(
                "alice",
                "parse",
                "/onprem deploy parse --version 8.6.95",
                expects=("is running", "8.6.95"),
                check=workload("Deployment", "parse-server", ready=2, tag="8.6.95"),
            ),
            Act(
                "alice",
                "parse",
                "/onprem deploy parse --version broken",
                expects=("failed", "rolled back"),
                check=workload("Deployment", "parse-server", ready=2, tag="8.6.95"),
                name="broken",
            ),
        ),
    ),
    Chapter(
        "History, and back to the first version",
        (
            Act(
                "alice",
                "parse",
                "/onprem history parse",
                expects=("did not come up",),
                name="history",
            ),
            Act(
                "alice",
                "parse",
                clicks="Roll back to 1",
                expects=("from revision 4 to 1",),
                name="rollback",
            ),
            Act(
                "alice",
                "parse",
                clicks="Go on",
                expects=("is back at revision 1",),
                check=workload("Deployment", "parse-server", ready=2, tag="8.6.94"),
            ),
        ),
    ),
    Chapter(
        "Adam makes sure that nobody touched the audit log",
        (Act("adam", "ops", "/onprem audit verify", expects=("whole",), name="audit"),),
    ),
)
"""The whole tour."""
