"""What a killed helm left behind, and what follows from it."""

from __future__ import annotations

import pytest

from integrations.helm.models import Revision
from integrations.helm.orphan import Process
from integrations.helm.recovery import (
    Adopt,
    Decision,
    DropPending,
    Intent,
    RunAgain,
    StopForPerson,
    WaitForOrphan,
    decide,
)


def rev(number: int, status: str, description: str = "Upgrade complete") -> Revision:
    return Revision(number, status, "parse-1.0.0", "8", "2026-01-01T00:00:00Z", description)


UPGRADE = Intent("op-1", "upgrade", base_revision=3)
INSTALL = Intent("op-1", "upgrade", base_revision=0)
ROLLBACK = Intent("op-1", "rollback", base_revision=3, rollback_to=2)
UNINSTALL = Intent("op-1", "uninstall", base_revision=3)
PAST = [rev(2, "superseded"), rev(3, "deployed")]
PENDING = rev(4, "pending-upgrade", "Preparing upgrade")
DONE = rev(4, "deployed", "op-1 by alice")
FAILED = rev(4, "failed", 'Upgrade "parse" failed: no')
CLEARED = rev(5, "deployed", "Rollback to 3")
HANGING = rev(4, "pending-rollback", "Rollback to 2")
NO_RIGHT = rev(4, "failed", 'Rollback "parse" failed: forbidden')
BACK = rev(4, "deployed", "Rollback to 2")

CASES: dict[str, tuple[Intent, list[Revision], set[int], Decision | type]] = {
    "helm never wrote anything": (UPGRADE, PAST, set(), RunAgain(3)),
    "first install never wrote anything": (INSTALL, [], set(), RunAgain(0)),
    "finished": (UPGRADE, [*PAST, DONE], {4}, Adopt(DONE)),
    "finished, the label unreadable": (UPGRADE, [*PAST, DONE], set(), Adopt(DONE)),
    "failed": (UPGRADE, [*PAST, FAILED], {4}, Adopt(FAILED)),
    "failed, but not ours": (UPGRADE, [*PAST, FAILED], set(), StopForPerson),
    "ours was cut": (UPGRADE, [*PAST, PENDING], {4}, DropPending(4)),
    "somebody else is at work": (UPGRADE, [*PAST, PENDING], set(), StopForPerson),
    "somebody was at work before us": (
        UPGRADE,
        [rev(2, "deployed"), rev(3, "pending-upgrade")],
        set(),
        StopForPerson,
    ),
    "our first install was cut": (
        INSTALL,
        [rev(1, "pending-install", "Initial install underway")],
        {1},
        DropPending(1),
    ),
    "somebody's first install": (
        INSTALL,
        [rev(1, "pending-install", "Initial install underway")],
        set(),
        StopForPerson,
    ),
    "a foreign upgrade after ours inherited the label": (
        UPGRADE,
        [*PAST, rev(4, "superseded", "op-1"), rev(5, "pending-upgrade", "Preparing upgrade")],
        {4, 5},
        StopForPerson,
    ),
    "somebody deployed after ours": (
        UPGRADE,
        [*PAST, rev(4, "superseded", "op-1"), rev(5, "deployed")],
        {4, 5},
        StopForPerson,
    ),
    "somebody cleared ours": (UPGRADE, [*PAST, PENDING, CLEARED], {4}, StopForPerson),
    "rolled back": (ROLLBACK, [*PAST, BACK], set(), Adopt(BACK)),
    "our rollback was cut": (
        ROLLBACK,
        [*PAST, rev(4, "pending-rollback", "Rollback to 2")],
        set(),
        RunAgain(4),
    ),
    "our rollback was cut twice": (
        ROLLBACK,
        [*PAST, HANGING, rev(5, "pending-rollback", "Rollback to 2")],
        set(),
        RunAgain(5),
    ),
    "our rollback was cut, then finished": (
        ROLLBACK,
        [*PAST, HANGING, rev(5, "deployed", "Rollback to 2")],
        set(),
        Adopt(rev(5, "deployed", "Rollback to 2")),
    ),
    "our rollback failed": (ROLLBACK, [*PAST, NO_RIGHT], set(), Adopt(NO_RIGHT)),
    "our rollback came from something half applied": (
        ROLLBACK,
        [*PAST, rev(4, "failed", 'Rollback "parse" failed: no Job with the name "a" found')],
        set(),
        RunAgain(4),
    ),
    "somebody deployed after our cut rollback": (
        ROLLBACK,
        [*PAST, HANGING, rev(5, "deployed")],
        set(),
        StopForPerson,
    ),
    "a rollback to elsewhere": (
        ROLLBACK,
        [*PAST, rev(4, "deployed", "Rollback to 1")],
        set(),
        StopForPerson,
    ),
    "the release went before our rollback": (ROLLBACK, [], set(), StopForPerson),
    "uninstalled": (UNINSTALL, [], set(), Adopt(None)),
    "uninstalled, history kept": (
        UNINSTALL,
        [rev(3, "uninstalled")],
        set(),
        Adopt(rev(3, "uninstalled")),
    ),
    "uninstall was cut": (UNINSTALL, [rev(3, "uninstalling")], set(), RunAgain(3)),
    "uninstall never began": (UNINSTALL, PAST, set(), RunAgain(3)),
    "somebody deployed before our uninstall": (UNINSTALL, [*PAST, DONE], set(), StopForPerson),
}


@pytest.mark.parametrize(("intent", "history", "labelled", "wanted"), CASES.values(), ids=CASES)
def test_decisions(
    intent: Intent, history: list[Revision], labelled: set[int], wanted: Decision | type
) -> None:
    found = decide(intent, history, labelled=labelled)
    if isinstance(wanted, type):
        assert isinstance(found, StopForPerson)
        assert found.reason
        assert found.hint
    else:
        assert found == wanted


@pytest.mark.parametrize("intent", [UPGRADE, ROLLBACK, UNINSTALL])
def test_a_living_helm_is_waited_for_first(intent: Intent) -> None:
    process = Process(7, 100)
    found = decide(intent, [*PAST, PENDING], labelled={4}, running=[process])
    assert found == WaitForOrphan(process)
