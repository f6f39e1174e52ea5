"""Which drills are due without being asked. Pure; times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.config import Config
from bot.context import Asker
from bot.releases.targets import AppRef, apps_on
from integrations.velero import cron
from integrations.velero.errors import BadSchedule

ACTOR = "system:onprem"
ASKER = Asker(ACTOR, ACTOR, "the drill's schedule")
LATE = 6 * 3_600_000_000
"""How late a drill may begin: long enough for a restart, too short to surprise anybody."""


@dataclass(frozen=True, slots=True)
class Due:
    """A drill that should run.

    Attributes:
        key: The same for this app, cluster and time, whoever asks: it is admitted once.
    """

    ref: AppRef
    at: int

    @property
    def key(self) -> str:
        """`drill/main/parse/1800000000000000`."""
        return f"drill/{self.ref.cluster}/{self.ref.name}/{self.at}"

    @property
    def words(self) -> tuple[str, ...]:
        """The command, as it would be typed."""
        return ("restore", "drill", self.ref.name, "--cluster", self.ref.cluster)


def due(config: Config, now: int) -> Iterator[Due]:
    """The drills whose time has come, and is not long past.

    Times are UTC unless the schedule names a zone. One that can never come is passed over: the
    configuration has been checked, and `recovery` shows that nothing is proved.
    """
    for cluster in sorted(config.clusters):
        for ref in apps_on(config, cluster):
            times = ref.config.backup.drill.cron if ref.config.backup else ""
            if not times:
                continue
            try:
                at = cron.last_due(times, now + 1)
            except BadSchedule:
                continue
            if now - at <= LATE:
                yield Due(ref, at)
