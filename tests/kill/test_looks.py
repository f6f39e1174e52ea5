"""A look that says "not yet" after its step has acted is found out, step by step.

After a kill between acting and recording, only the cut step looks. With its look blinded it acts
again: test_points would fail on that alone. Here is shown besides what acting again does: for the
steps below nothing, as they are made so; all others end wrong.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kill.bots import Start
from tests.kill.cycles import CYCLES, Cycle, Operation, acted, edges_of
from tests.kill.practice import Practice, wait_for
from tests.kill.rounds import Rounds

pytestmark = [pytest.mark.kill, pytest.mark.slow, pytest.mark.timeout(600)]

HARMLESS = {
    "wait ": "waits for what is there already",
    "check what was stored": "only reads",
    "remember it": "writes the same rows in place of the same rows",
    "bring back the overrides": "writes the same rows in place of the same rows",
    "forget its overrides": "deletes what is gone",
    "keep its overrides": "writes the same rows in place of the same rows",
    "keep the sizes": "sets only sizes that differ",
    "scale to": "sets a number, and the API makes no generation of an equal one",
    "remove member": "asks first who is a member",
    "add member": "asks first who is a member",
    "remove pods": "deletes only pods of the bad revision, each by its uid",
    "delete ": "deletes one object by its uid, and one that is gone is fine",
    "ask Velero to delete": "finds it gone, and asks no more",
    "ask Velero for the restore": "names it after the operation, and takes the one of that name",
    "Velero restores": "waits for what is there already",
    "safety backup: wait ": "waits for what is there already",
    "safety backup: check what was stored": "only reads",
    "stop the workloads": "sets a number, and the API makes no generation of an equal one",
    "take the rights": "takes the binding that is there",
    "take the time": "only measures",
    "read what became": "only reads",
    "see what came back": "only reads",
    "look for hosts": "only reads",
    "check that they are": "only reads",
    "ask the probes": "only asks",
    "count documents": "only asks",
    "keep the result": "writes the same row in place of the same row",
}
BLIND = {
    "restore": "tests.kill.blind_restore",
    "replace": "tests.kill.blind_restore",
    "drill": "tests.kill.blind_drill",
}
CASES = {operation.name: (cycle, operation) for cycle in CYCLES for operation in cycle.operations}


@pytest.mark.parametrize(("cycle", "operation"), CASES.values(), ids=CASES)
def test_every_look_matters_or_its_step_may_be_repeated(
    cycle: Cycle, operation: Operation, world: Practice, start: Start, tmp_path: Path
) -> None:
    module = BLIND.get(operation.name, "tests.kill.blind")
    rounds = Rounds(world, start, tmp_path, cycle, acted, settings={"commands": [module]})
    rounds.learn()
    edges, expected = rounds.known[operation.name]
    wrong = []
    for point in acted(edges):
        rounds.begin()
        for earlier in cycle.operations[: cycle.operations.index(operation)]:
            rounds.whole(earlier)
        before = rounds.before(operation)
        first, *rest = operation.words
        cut = rounds.cut((f"blind-{first}", *rest), point)
        killed = time.time()
        # A restart's mark has seconds.
        wait_for(lambda killed=killed: time.time() > int(killed) + 1, "the next second")
        told, found = rounds.go_on(operation, cut, before)
        step, _ = cut.edges[-1]
        assert "before" in edges_of(rounds.bot.left, step), f"{step!r} did not act again"
        harmless = any(step.startswith(begin) for begin in HARMLESS)
        right = told["state"] == operation.state and found == expected
        if right != harmless:
            wrong.append((step, "right" if right else (told["state"], found)))
    assert not wrong, "\n".join(f"{step}: {how}" for step, how in wrong)
