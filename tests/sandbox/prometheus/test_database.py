"""Series that are made when they are asked for."""

from __future__ import annotations

import numpy as np

from sandbox.prometheus.database import joined
from sandbox.prometheus.promql.values import Samples

LABELS = (("__name__", "up"), ("job", "a"))
OTHER = (("__name__", "up"), ("job", "b"))


def series(labels: tuple[tuple[str, str], ...], *times: int, until: int | None = None) -> Samples:
    at = np.array(times, dtype=np.int64)
    ends = None if until is None else np.full(len(times), until, dtype=np.int64)
    return Samples(labels, at, at.astype(float), ends)


def test_an_object_that_was_made_anew_continues_its_series() -> None:
    found = joined([series(LABELS, 1, 2, until=3), series(OTHER, 1), series(LABELS, 3, 4)])
    assert [one.labels for one in found] == [LABELS, OTHER]
    assert found[0].times.tolist() == [1, 2, 3, 4]
    assert found[0].values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found[0].until is not None
    assert found[0].until.tolist()[:2] == [3, 3]
    assert found[0].until[2] > 10**15
    assert found[1].until is None


def test_of_two_samples_at_one_time_one_is_left() -> None:
    (one,) = joined([series(LABELS, 1, 2), series(LABELS, 2, 3)])
    assert one.times.tolist() == [1, 2, 3]
    assert one.until is None
