"""The rules of a replica set, without a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.members import ReplicaSet, Server

Json = dict[str, Any]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def server(number: int, *, data: str = "", set_name: str = "rs0") -> Server:
    hosts = frozenset({f"m-{number}.m:27017"})
    return Server(f"m-{number}", hosts, data or f"disk-{number}", 0.0, set_name)


SERVERS = [server(number) for number in range(5)]


def config(*numbers: int, **member: Any) -> Json:
    return {
        "_id": "rs0",
        "members": [{"_id": n, "host": f"m-{n}.m:27017", **member} for n in numbers],
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def group(clock: Clock) -> ReplicaSet:
    found = ReplicaSet(clock)
    found.observe(SERVERS[:3])
    found.initiate(SERVERS[0], config(0, 1, 2))
    return found


def refused(error: pytest.ExceptionInfo[MongoError]) -> str:
    return f"{error.value.name}: {error.value.message}"


def states(group: ReplicaSet) -> list[str]:
    return [group.state(member)[1] for member in group.members]


def test_initiate_elects_the_first(group: ReplicaSet) -> None:
    assert states(group) == ["PRIMARY", "SECONDARY", "SECONDARY"]
    with pytest.raises(MongoError, match="already initialized"):
        group.initiate(SERVERS[1], config(0, 1, 2))


@pytest.mark.parametrize(
    ("up", "asked", "says"),
    [
        (2, config(0, 1, 2), "NodeNotFound: replSetInitiate quorum check failed"),
        (3, {**config(0, 1), "_id": "other"}, "command line set name: rs0"),
        (3, config(1, 2), "maps to this node"),
        (3, config(0, 0), "Found two member configurations with same host field"),
        (3, config(0, 1, votes=0, priority=0), "Number of voting members"),
        (3, config(0, 1, votes=0), "Number of voting members"),
        (3, config(0, priority=0), "at least one non-arbiter member with priority > 0"),
    ],
)
def test_what_initiate_refuses(clock: Clock, up: int, asked: Json, says: str) -> None:
    group = ReplicaSet(clock)
    group.observe(SERVERS[:up])
    with pytest.raises(MongoError) as error:
        group.initiate(SERVERS[0], asked)
    assert says in refused(error)
    assert group.config is None


def test_a_majority_elects_another_primary_and_a_minority_none(group: ReplicaSet) -> None:
    group.observe(SERVERS[1:3])
    assert states(group) == ["(not reachable/healthy)", "PRIMARY", "SECONDARY"]
    assert group.term == 2
    group.observe(SERVERS[2:3])
    assert states(group)[2] == "SECONDARY"
    with pytest.raises(MongoError) as error:
        group.reconfig(SERVERS[2], config(1, 2))
    assert refused(error).startswith("NotWritablePrimary: New config is rejected")
    group.observe(SERVERS[:3])
    assert group.primary is not None


def test_only_one_voter_changes_at_a_time(group: ReplicaSet) -> None:
    group.observe(SERVERS)
    with pytest.raises(MongoError) as error:
        group.reconfig(SERVERS[0], config(0, 1, 2, 3, 4))
    assert "can only add or remove at most 1 voting member" in refused(error)
    group.reconfig(SERVERS[0], config(0, 1, 2, 3))
    group.reconfig(SERVERS[0], config(0, 1, 2, 3, 4))
    assert group.config is not None
    assert group.config["version"] == 3
    group.reconfig(SERVERS[0], config(0), force=True)
    assert states(group) == ["PRIMARY"]


@pytest.mark.parametrize(
    ("number", "asked", "says"),
    [
        (1, config(0, 1), "NotWritablePrimary"),
        (0, config(1, 2), "NodeNotFound: No host described in new configuration"),
        (0, {**config(0, 1, 2), "_id": "x"}, "NewReplicaSetConfigurationIncompatible"),
        (
            0,
            {"_id": "rs0", "members": [{"_id": 5, "host": "m-0.m"}, *config(1, 2)["members"]]},
            "NewReplicaSetConfigurationIncompatible",
        ),
    ],
)
def test_what_reconfig_refuses(group: ReplicaSet, number: int, asked: Json, says: str) -> None:
    with pytest.raises(MongoError) as error:
        group.reconfig(SERVERS[number], asked)
    assert says in refused(error)


def test_a_new_configuration_needs_a_majority_that_answers(group: ReplicaSet) -> None:
    group.observe(SERVERS[:2])
    with pytest.raises(MongoError) as error:
        group.reconfig(SERVERS[0], config(0, 1, 2, 3))
    assert "required 3 but only the following 2 voting nodes responded" in refused(error)


def test_a_new_member_copies_data_first(clock: Clock) -> None:
    group = ReplicaSet(clock, sync=5)
    group.observe(SERVERS[:2])
    group.initiate(SERVERS[0], config(0))
    group.reconfig(SERVERS[0], config(0, 1))
    assert states(group) == ["PRIMARY", "STARTUP2"]
    clock.now += 5
    assert states(group) == ["PRIMARY", "SECONDARY"]


def test_stepping_down_and_freezing(group: ReplicaSet, clock: Clock) -> None:
    with pytest.raises(MongoError, match="not primary so can't step down"):
        group.step_down(SERVERS[1], 60)
    group.freeze(SERVERS[1], 60)
    group.step_down(SERVERS[0], 60)
    assert group.primary == "m-2.m:27017"
    with pytest.raises(MongoError, match="No electable secondaries"):
        group.step_down(SERVERS[2], 60)
    with pytest.raises(MongoError, match="cannot freeze node when primary"):
        group.freeze(SERVERS[2], 60)
    clock.now += 61
    group.step_down(SERVERS[2], 60)
    assert group.primary == "m-0.m:27017"


def test_who_lost_the_disk_must_be_synced_by_the_others(group: ReplicaSet) -> None:
    fresh = [server(0, data="new-disk"), *SERVERS[1:3]]
    group.observe(fresh)
    assert group.knows(fresh[0])
    lost = [server(n, data=f"other-{n}") for n in range(3)]
    group.observe(lost)
    assert group.primary is None
    assert not group.knows(lost[0])
    with pytest.raises(MongoError, match="no replset config has been received"):
        group.require_member(lost[0])


def test_a_removed_member_says_so(group: ReplicaSet) -> None:
    group.reconfig(SERVERS[0], config(0, 1))
    with pytest.raises(MongoError, match="we are not a member of it"):
        group.require_member(SERVERS[2])


def test_a_server_without_replication(clock: Clock) -> None:
    group, alone = ReplicaSet(clock), server(0, set_name="")
    group.observe([alone])
    with pytest.raises(MongoError, match="not started with replication enabled"):
        group.initiate(alone, config(0))
