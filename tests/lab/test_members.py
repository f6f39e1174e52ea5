"""Scale with membership: who joins and who leaves the replica set, asked through real exec.

The answers come from `databases`, not from a ``mongod``.
"""

from __future__ import annotations

import json

import pytest

from tests.lab.conftest import Site
from tests.lab.databases import Databases, databases

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(240)]

MONGODB = "apps/v1/statefulsets/parse-mongodb"
LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)


def evaluate(made: Databases, pod: int, script: str) -> str:
    """Do something in a database besides the bot."""
    words = ["--quiet", "--norc", "--eval", f"{LOGIN} {script}"]
    answer = made.answer("parse", f"parse-mongodb-{pod}", words)
    assert answer["exit_code"] == 0, answer
    return str(answer["stdout"])


def members(made: Databases) -> list[str]:
    found = json.loads(evaluate(made, 0, "print(JSON.stringify(rs.conf()))"))["members"]
    return [member["host"].partition(".")[0].rpartition("-")[2] for member in found]


@pytest.mark.parametrize(
    "site", ["helm3", pytest.param("older-helm4", marks=pytest.mark.slow)], indirect=True
)
def test_members_join_when_their_pods_are_ready_and_leave_before_they_end(site: Site) -> None:
    with databases(site.grounds.lab) as made:
        site.works("deploy", "parse")
        said = site.works("scale", "mongodb", "5")
        assert "from 3 to 5" in said
        assert "+parse-mongodb-3" in said
        assert members(made) == ["0", "1", "2", "3", "4"]
        assert site.get(MONGODB)["status"]["readyReplicas"] == 5

        # The last member leads, and must hand over before it leaves.
        for pod in (1, 2, 3):
            evaluate(made, pod, "rs.freeze(60)")
        evaluate(made, 0, "rs.stepDown(60)")
        for pod in (1, 2, 3):
            evaluate(made, pod, "rs.freeze(0)")
        assert "it hands over before it leaves" in site.works("scale", "mongodb", "3", "--dry-run")
        assert "-parse-mongodb-4" in site.works("scale", "mongodb", "3", "--yes")
        assert members(made) == ["0", "1", "2"]
        assert "true" in evaluate(made, 1, "print(db.hello().isWritablePrimary)")
        assert site.get(MONGODB)["spec"]["replicas"] == 3

        # A deploy keeps the size, and the set stays as it is.
        site.works("deploy", "parse", "--version", "8.2.0")
        assert members(made) == ["0", "1", "2"]
        assert site.works("audit", "verify").startswith("The audit log is whole")
