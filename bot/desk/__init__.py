"""The product's own state as commands see it: jobs, roles, audit, locks, drills, changes and more.

A facade over `bot.store` and the permission check, so that commands know neither SQL nor
transactions. Every change of policy and locks writes its audit row in the same transaction.
Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from bot.desk.alerts import AlertDesk
from bot.desk.base import AlertThreads, Powers
from bot.desk.changes import ChangeDesk
from bot.desk.drills import DrillDesk
from bot.desk.people import PeopleDesk, subject_of
from bot.desk.permissions import PermissionDesk, Standing
from bot.desk.records import RecordDesk
from bot.desk.releases import ReleaseDesk

__all__ = ["AlertThreads", "Desk", "Powers", "Standing", "subject_of"]


class Desk(PermissionDesk, PeopleDesk, RecordDesk, ReleaseDesk, DrillDesk, ChangeDesk, AlertDesk):
    """State for commands; made with a `Store` and the `Powers` of its neighbours."""
