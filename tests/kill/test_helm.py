"""`kill -9` while helm is at work: a helm that survives is waited for, one that died is cleared."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.helm import orphan
from tests.kill.bots import Bot, Start
from tests.kill.cycles import BAD, Picture, edges_of, look, picture
from tests.kill.practice import Practice, wait_for

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120)]

LONGER_THAN_THE_TEST = 120.0
A_WHILE = 1.5


@dataclass(frozen=True)
class Work:
    """A command whose helm is stopped in the middle.

    Attributes:
        step: What helm's step is called, as it begins.
        stall: The request at which helm hangs: method, and the collection under the namespace.
        replicas: Of the server and of MongoDB at the end; empty when both are gone.
    """

    name: str
    prepare: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    step: str
    stall: tuple[str, str]
    state: str = "done"
    replicas: tuple[int, ...] = (2, 3)


DEPLOY, UPGRADE = ("deploy", "parse"), ("deploy", "parse", "--version", "8.1.0")
BAD_UPGRADE = ("deploy", "parse", "--set", f"mongodb.image.tag={BAD}", "--yes")

WORKS = (
    Work("install", (), DEPLOY, "helm upgrade", ("POST", "statefulsets")),
    Work("upgrade", (DEPLOY,), UPGRADE, "helm upgrade", ("PATCH", "deployments")),
    Work(
        "rollback",
        (DEPLOY, ("scale", "server", "3"), UPGRADE),
        ("rollback", "parse", "--yes"),
        "helm rollback",
        ("PATCH", "deployments"),
        replicas=(3, 3),
    ),
    Work(
        "going back by itself",
        (DEPLOY,),
        BAD_UPGRADE,
        "helm rollback",
        ("PATCH", "statefulsets"),
        state="failed",
    ),
    Work(
        "uninstall",
        (DEPLOY,),
        ("uninstall", "parse", "--confirm", "parse"),
        "helm uninstall",
        ("DELETE", "deployments"),
        replicas=(),
    ),
)
MOMENTS = ("started", "half done")
VICTIMS = ("bot", "both")
SOON = ("half done", "both")


def cases() -> list[Any]:
    found = []
    for work, moment, victim in itertools.product(WORKS, MOMENTS, VICTIMS):
        often = (moment, victim) == SOON and work.name in ("upgrade", "uninstall")
        marks = () if often else (pytest.mark.slow,)
        name = f"{work.name}-{moment}-{victim}"
        found.append(pytest.param(work, moment, victim, id=name, marks=marks))
    return found


@pytest.mark.parametrize(("work", "moment", "victim"), cases())
def test_killed_while_helm_works(
    world: Practice, start: Start, tmp_path: Path, work: Work, moment: str, victim: str
) -> None:
    config = world.config(tmp_path, slack=None)
    namespace = yaml.safe_load(config.read_text())["apps"]["parse"]["namespace"]
    bot = start(config).ready()
    for words in work.prepare:
        told = bot.ask(*words).told
        assert told is not None
        assert told["state"] == "done", told
    before = picture(world, namespace) if work.prepare else None

    request, helm = _stopped(world, bot, work, moment, victim, namespace)
    bot.kill()
    bot.killed()
    assert orphan.alive(helm.pid, helm.start_time), "helm outlives the bot"
    if victim == "both":
        os.kill(helm.pid, signal.SIGKILL)
        wait_for(lambda: not orphan.alive(helm.pid, helm.start_time), "helm is gone")

    bot = start(config).ready()
    told = next(found for found in bot.ended if found["id"] == request)
    assert told["state"] == work.state, told
    if victim == "bot":
        helm_step = next(step for step, _ in bot.left.edges if step.startswith(work.step))
        assert edges_of(bot.left, helm_step) == ["after"], "it took over what helm had made"
    ended_right(world, bot, work, request, namespace, before, [victim])


def _stopped(
    world: Practice, bot: Bot, work: Work, moment: str, victim: str, namespace: str
) -> tuple[str, orphan.Process]:
    """Brings an operation to where its helm is at work, and returns both."""
    method, collection = work.stall
    bot.tell(*work.words)
    request = bot.reach(work.step, "before")
    if moment == "half done":
        world.fault(
            delay=LONGER_THAN_THE_TEST if victim == "both" else A_WHILE,
            method=method,
            path=f"/apis/apps/v1/namespaces/{namespace}/{collection}*",
        )
    helm = wait_for(lambda: orphan.find_by_operation(request), "helm has started")[0]
    if moment == "half done":
        wait_for(lambda: not world.faults(), "helm hangs at the request")
        states = picture(world, namespace).revisions.values()
        assert any(state.startswith(("pending", "uninstalling")) for state in states)
    return request, helm


def ended_right(
    world: Practice,
    bot: Bot,
    work: Work,
    request: str,
    namespace: str,
    before: Picture | None,
    victims: Sequence[str],
) -> None:
    """Asserts that app, release, records and members are as the work leaves them."""
    after = picture(world, namespace)
    names = ("parse-server", "parse-mongodb") if work.replicas else ()
    assert tuple(after.workloads[name]["replicas"] for name in names) == work.replicas
    assert all(now["ready"] == now["replicas"] for now in after.workloads.values())
    if work.replicas:
        assert after.revisions[after.newest] == "deployed"
        made = after.newest - (before.newest if before else 0)
        going_back = work.state == "failed"
        if victims == ["bot"]:
            assert made == 1 + going_back
    else:
        assert after.revisions == {}
    states = list(after.revisions.values())
    assert states.count("deployed") == bool(work.replicas)
    # A cut rollback stays in the history; the release is what its newest revision is.
    cut = [state for state in states if state.startswith("pending")]
    assert len(cut) <= (work.step == "helm rollback" and victims == ["both"])
    if before:
        assert after.secret == before.secret
    seen = look(bot, request, namespace, 3 if work.replicas else 0)
    assert (seen["outcomes"], seen["verified"]) == (1, True)
    assert (seen["locks"], seen["processes"]) == ([], 0)
    assert len(seen["members"]) == (3 if work.replicas else 0)
    assert orphan.find_by_operation(request) == []
