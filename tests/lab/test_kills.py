"""`kill -9` of the bot and its helm during each operation on a real API server: it ends right.

The rounds are those of `tests/kill`; the world is real. There every boundary is a point; here,
where each takes seconds, those at which helm or the cluster has acted and nothing is on record.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrations.helm import orphan
from tests.kill.bots import Bot, Edge, Start
from tests.kill.cycles import BAD, CYCLES, Cycle, acted, picture
from tests.kill.rounds import Rounds
from tests.kill.test_helm import WORKS, Work, ended_right
from tests.lab.conftest import helm_settings
from tests.lab.databases import databases
from tests.lab.grounds import NAMESPACE, PATIENCE, Grounds, wait_for
from tests.lab.stall import stalled

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(300)]


@pytest.fixture
def start(grounds: Grounds) -> Iterator[Start]:
    """Starts bots, and ends those that still run."""
    running: list[Bot] = []

    def begin(config: Path) -> Bot:
        bot = Bot(config, patience=PATIENCE)
        running.append(bot)
        return bot

    with databases(grounds.lab):
        yield begin
        for bot in running:
            bot.close()
    grounds.clear()


KILLED = (
    "helm ",
    "remove pods",
    "wait until its pods are gone",
    "delete Secret",
    "remove member",
    "scale to",
    "add member",
    "restart statefulset",
)
"""How the steps begin that are cut here."""

HELM4 = {"install", "bad upgrade"}
"""The cycles that are played with Helm 4; the others are with Helm 3."""


def chosen(edges: tuple[Edge, ...]) -> list[int]:
    """The boundaries to kill at."""
    return [n for n in acted(edges) if edges[n][0].startswith(KILLED)]


def on_the_lab(cycle: Cycle) -> Cycle:
    """The cycle with an image that kwok knows to be missing."""
    operations = tuple(
        replace(one, words=tuple(word.replace(BAD, "does-not-exist") for word in one.words))
        for one in cycle.operations
    )
    return replace(cycle, operations=operations)


WITHOUT_VELERO = [c for c in CYCLES if not any(o.needs_velero for o in c.operations)]
"""This control plane has no Velero; `tests/lab/recovery` kills there."""


@pytest.mark.parametrize("cycle", WITHOUT_VELERO, ids=lambda cycle: cycle.name)
def test_killed_in_each_kind_of_step(
    cycle: Cycle, grounds: Grounds, start: Start, tmp_path: Path, record_property: Any
) -> None:
    helm = helm_settings("helm4" if cycle.name in HELM4 else "helm3")
    rounds = Rounds(grounds, start, tmp_path, on_the_lab(cycle), chosen, {"helm": helm})
    rounds.run()
    cut = [name for name, (edges, _) in rounds.known.items() if chosen(edges)]
    assert cut == [operation.name for operation in cycle.operations]
    record_property("kill points", rounds.kills)
    record_property("kill operations", len(cycle.operations))


CUT = {
    "install": ("helm4", "CREATE", "statefulsets", "both"),
    "upgrade": ("helm3", "UPDATE", "deployments", "bot"),
    "rollback": ("helm4", "UPDATE", "deployments", "both"),
    "going back by itself": ("helm3", "UPDATE", "statefulsets", "both"),
    "uninstall": ("helm3", "DELETE", "deployments", "both"),
}
"""What helm does → with which helm, at which request it is cut, and who is killed."""


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_killed_while_helm_has_done_one_half(
    work: Work, grounds: Grounds, start: Start, tmp_path: Path
) -> None:
    helm_is, verb, resource, victim = CUT[work.name]
    config = grounds.config(tmp_path, helm=helm_settings(helm_is))
    bot = start(config).ready()
    for words in work.prepare:
        told = bot.ask(*words).told
        assert told is not None
        assert told["state"] == "done", told
    before = picture(grounds, NAMESPACE) if work.prepare else None

    words = tuple(word.replace(BAD, "does-not-exist") for word in work.words)
    with stalled(grounds.lab, verb, resource) as hangs:
        bot.tell(*words)
        request = bot.reach(work.step, "before")
        while hangs():  # what an earlier helm of the operation asked
            pass
        wait_for(hangs, "helm's request hangs")
        helm = orphan.find_by_operation(request)[0]
        bot.kill()
        bot.killed()
        if victim == "both":
            os.kill(helm.pid, signal.SIGKILL)
            wait_for(lambda: not orphan.alive(helm.pid, helm.start_time), "helm is gone")
        states = picture(grounds, NAMESPACE).revisions.values()
        assert any(state.startswith(("pending", "uninstalling")) for state in states)

    bot = start(config).ready()
    told = next(found for found in bot.ended if found["id"] == request)
    assert told["state"] == work.state, told
    ended_right(grounds, bot, work, request, NAMESPACE, before, [victim])
