"""How long the practice Velero takes, in seconds; it follows the cluster's pace."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kube.controllers import Pace

_SHORTEST_PERIOD = 0.5


@dataclass(frozen=True, slots=True)
class Tempo:
    """Durations, in seconds.

    Attributes:
        step: Between two phases.
        item: Saving or restoring one object.
        volume: Copying one volume, in either direction.
        validation: Between two looks at a location, unless the location says.
        sync: Between two looks for backups of other clusters, unless the location says.
        collection: Between two looks for expired backups.
    """

    step: float = 0.2
    item: float = 0.01
    volume: float = 1.0
    validation: float = 60.0
    sync: float = 60.0
    collection: float = 60.0

    @classmethod
    def of(cls, pace: Pace) -> Tempo:
        """The tempo that goes with a cluster's pace; periods never get very short."""
        usual = cls()
        factor = pace.start / Pace().start
        period = max(usual.validation * factor, _SHORTEST_PERIOD)
        return cls(
            step=usual.step * factor,
            item=usual.item * factor,
            volume=usual.volume * factor,
            validation=period,
            sync=period,
            collection=period,
        )
