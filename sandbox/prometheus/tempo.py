"""How fast the practice Prometheus and Alertmanager live; they follow the cluster's pace."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kube.controllers import Pace

_SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """Durations, in seconds.

    Attributes:
        factor: What the waits that rules and routes state are multiplied by.
        scrape: Between two samples.
        evaluation: Between two looks at the rules.
        ramp: How long a disk takes to fill, or a leak to reach its limit, once it was asked for.
    """

    factor: float = 1.0
    scrape: float = 30.0
    evaluation: float = 30.0
    ramp: float = 1800.0

    @classmethod
    def of(cls, pace: Pace) -> Tempo:
        """The tempo that goes with a cluster's pace; nothing is done oftener than each second."""
        usual, factor = cls(), pace.start / Pace().start
        return cls(
            factor=factor,
            scrape=max(usual.scrape * factor, _SHORTEST),
            evaluation=max(usual.evaluation * factor, _SHORTEST),
            ramp=usual.ramp * factor,
        )
