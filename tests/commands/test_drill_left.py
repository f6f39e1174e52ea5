"""A drill that ended without removing its copy: it is swept up later, or told while it stands."""

from __future__ import annotations

import pytest

from bot.alerts.threads import Threads
from bot.errors import Cancelled
from bot.recovery.drills.sweeping import Sweeper
from bot.render import terminal
from bot.store import requests
from bot.store.requests import Request, State
from integrations.kubernetes.kinds import NAMESPACE
from sandbox.kube.faults import Fault
from tests.bot.alerts.conftest import Room
from tests.commands.conftest import ANN, Cut, Killed, Office
from tests.commands.recovery import Recovery

pytestmark = pytest.mark.timeout(120)


async def copies(recovery: Recovery) -> list[str]:
    found = (await recovery.kube.list(NAMESPACE)).items
    return [n["metadata"]["name"] for n in found if "-drill-" in n["metadata"]["name"]]


async def cut_drill(office: Office, recovery: Recovery) -> Request:
    """A drill whose process ended while its copy stood; its operation is on record."""
    await recovery.shop()
    await office.run("backup create shop")
    plan, job = await office.plan("restore drill shop"), requests.new_id(office.clock)
    cut = Cut("wait until the copy is ready", "before")
    with pytest.raises(Killed):
        await office.run("restore drill shop", plan, cut=cut, request_id=job)
    assert len(await copies(recovery)) == 1
    now = office.clock()
    request = Request(
        *(job, f"key-{job}", ANN.actor, ANN.person, "restore drill", now),
        cluster="main",
        namespace="shop",
        app="shop",
        state=State.RUNNING,
        started_at=now,
        plan={"facts": dict(plan.facts)},
    )
    await office.store.write(lambda db: requests.insert(db, request))
    return request


async def ends(office: Office, request: Request, state: State) -> None:
    await office.store.write(
        lambda db: requests.transition(db, request.id, state, expect={State.RUNNING})
    )


def sweeper(office: Office, recovery: Recovery, room: Room) -> Sweeper:
    clusters = {"main": recovery.cluster}
    threads = Threads(office.store, room, office.clock, lambda: "/onprem ", [])
    return Sweeper(lambda: office.config, clusters.__getitem__, office.store, threads, office.clock)


@pytest.mark.parametrize("state", [State.STUCK, State.FAILED, State.CANCELLED])
async def test_a_copy_that_was_left_is_removed(
    recoverable: Office, recovery: Recovery, state: State
) -> None:
    request = await cut_drill(recoverable, recovery)
    room = Room()
    sweeping = sweeper(recoverable, recovery, room)
    await sweeping.sweep()
    assert len(await copies(recovery)) == 1, "a drill that runs looks after itself"
    await ends(recoverable, request, state)
    await sweeping.sweep()
    assert await copies(recovery) == []
    assert room.edits == []


async def test_a_copy_that_cannot_be_removed_is_told_until_it_is_gone(
    recoverable: Office, recovery: Recovery
) -> None:
    request = await cut_drill(recoverable, recovery)
    await ends(recoverable, request, State.STUCK)
    room = Room()
    sweeping = sweeper(recoverable, recovery, room)
    denied = Fault(code=403, method="DELETE", path="/api/v1/namespaces/*", times=1)
    recovery.practice.server.faults.add(denied)
    await sweeping.sweep()
    (copy,) = await copies(recovery)
    (told,) = room.edits
    assert f"The copy of a drill is still there: namespace {copy}" in told
    assert f"kubectl delete namespace {copy}" in told
    standing = f"The copy of a drill is still there: namespace {copy}."
    result, _ = await recoverable.read("recovery shop")
    assert standing in result.lines[0].why
    await sweeping.sweep()
    assert await copies(recovery) == []
    result, _ = await recoverable.read("recovery shop")
    assert standing not in result.lines[0].why
    assert "Over: The copy of a drill is still there" in room.edits[-1]


async def test_a_cluster_that_is_away_changes_nothing_that_was_told(
    recoverable: Office, recovery: Recovery
) -> None:
    request = await cut_drill(recoverable, recovery)
    await ends(recoverable, request, State.STUCK)
    room = Room()
    sweeping = sweeper(recoverable, recovery, room)
    faults = recovery.practice.server.faults
    faults.add(Fault(code=403, method="DELETE", path="/api/v1/namespaces/*", times=1))
    await sweeping.sweep()
    away = Fault(code=503, method="GET", path="/api/v1/namespaces/*", times=None)
    faults.add(away)
    await sweeping.sweep()
    faults.active.remove(away)
    assert len(room.edits) == 1
    await sweeping.sweep()
    assert "Over:" in room.edits[-1]


async def test_a_cancelled_drill_tells_what_it_could_not_remove(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await recoverable.run("backup create shop")
    faults = recovery.practice.server.faults
    faults.add(Fault(code=403, method="DELETE", path="/api/v1/namespaces/*", times=1))

    class Stop(Cut):
        def boundary(self, request_id: str, step: str, edge: str) -> None:
            if (step, edge) == ("Velero restores", "after"):
                recoverable.operation.cancel("ann")

    with pytest.raises(Cancelled) as stopped:
        await recoverable.run("restore drill shop", cut=Stop())
    assert "Its copy is still there" in stopped.value.hint


async def test_a_copy_without_rights_inside_goes_all_the_same(
    recoverable: Office, recovery: Recovery
) -> None:
    """The rights there may be what failed; a namespace that never held anything is deleted too."""
    await recovery.shop()
    await recoverable.run("backup create shop")
    inside = "/api/v1/namespaces/*-drill-*/persistentvolumeclaims"
    recovery.practice.server.faults.add(Fault(code=403, method="GET", path=inside, times=None))
    result, document = await recoverable.run("restore drill shop")
    assert result.left_behind == "", terminal.plain(document)
    assert await copies(recovery) == []
