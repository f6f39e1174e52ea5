"""What happens on the tour, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.kube.controllers import Pace
from sandbox.tour.acts import Act, Chapter, Event, absent, workload
from sandbox.tour.happenings import (
    delete_namespace,
    scale_by_hand,
    sign_up,
    time_passes,
    told,
    trouble,
    users_are,
)

USERS = 250
"""So many documents are lost, and come back."""
FIRES = "DeploymentScaledToZero"
WATCH = Pace().scaled(0.02)
"""Prometheus and Alertmanager live faster on the tour than pods: nobody waits minutes for them."""

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
        "The store of the backups is away for a while; #ops hears of it by itself, in one thread",
        (
            Event(
                "The object store refuses connections",
                trouble("store-away"),
                channel="ops",
                expects=("Storage location default is not available", "What to do"),
                name="alert",
            ),
            Event(
                "It is back, with all it had",
                trouble("store-back"),
                channel="ops",
                expects=("Over: Storage location default", "It lasted"),
                name="alert-over",
            ),
        ),
    ),
    Chapter(
        "A careless hand stops the server; Prometheus sees it, and #ops mends it in the thread",
        (
            Event(
                "Somebody, in a terminal: kubectl patch deployment parse-server, to 0 replicas",
                scale_by_hand("parse-server", 0),
                channel="ops",
                expects=(FIRES, "Nothing serves"),
                name="firing",
            ),
            Act("alice", "ops", clicks="Ack", expects=("Taken",)),
            Event("The thread tells who takes care of it", told("ops", "takes care of it")),
            Act(
                "alice",
                "ops",
                clicks="Scale to 2",
                on="Nothing serves",
                expects=("from 0 to 2",),
                check=workload("Deployment", "parse-server", ready=2),
            ),
            Event(
                "The alert is over, and its thread closes",
                time_passes,
                channel="ops",
                expects=(f"Over: {FIRES}", "It lasted"),
                name="firing-over",
            ),
        ),
    ),
    Chapter(
        "Users sign up, and Alice makes a backup: each volume is checked for its data",
        (
            Event(f"{USERS} users sign up: {USERS} documents in parse._User", sign_up(USERS)),
            Act(
                "alice",
                "parse",
                "/onprem backup create parse",
                expects=("1 volume", "data-parse-mongodb-2", "no pod mounts it"),
                name="backup-unprotected",
            ),
            Act(
                "alice",
                "parse",
                "/onprem scale mongodb 3",
                expects=("from 2 to 3",),
                check=workload("StatefulSet", "parse-mongodb", ready=3),
            ),
            Act(
                "alice",
                "parse",
                "/onprem backup create parse",
                expects=("is complete", "3 of 3"),
                name="backup",
            ),
        ),
    ),
    Chapter(
        "The namespace is lost; the backup brings it back",
        (
            Event(
                "Somebody, in a terminal: kubectl delete namespace parse",
                delete_namespace("parse"),
                check=absent("parse"),
            ),
            Act("alice", "parse", "/onprem status parse", expects=("not deployed",)),
            Act(
                "alice",
                "parse",
                "/onprem restore parseserver-backup",
                expects=("namespace parse", "Go on"),
                name="restore-plan",
            ),
            Act(
                "alice",
                "parse",
                clicks="Go on",
                expects=("is restored and ready",),
                check=workload("StatefulSet", "parse-mongodb", ready=3),
                name="restore",
            ),
            Event(f"All {USERS} documents are there again", users_are(USERS)),
        ),
    ),
    Chapter(
        "A drill proves the backup beside the living app; with a schedule, parse is protected",
        (
            Act(
                "alice",
                "parse",
                "/onprem restore drill parse",
                expects=("is proved", str(USERS)),
                name="drill",
            ),
            Act(
                "alice",
                "parse",
                '/onprem backup schedule create parse --cron "0 3 * * *"',
                expects=("parseserver-backup",),
            ),
            Act(
                "alice",
                "parse",
                "/onprem recovery",
                expects=("parse on main", "1 protected"),
                name="recovery",
            ),
        ),
    ),
    Chapter(
        "Adam makes sure that nobody touched the audit log",
        (Act("adam", "ops", "/onprem audit verify", expects=("whole",), name="audit"),),
    ),
)
"""The whole tour."""
