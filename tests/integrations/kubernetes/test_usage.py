"""Quantities, and the metrics API where there is none."""

from __future__ import annotations

import pytest

from integrations.kubernetes.usage import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("123456789n", 0.123456789),
        ("7u", 7e-6),
        ("2", 2.0),
        ("1.5", 1.5),
        ("5k", 5000.0),
        ("1Ki", 1024.0),
        ("1Gi", 1024.0**3),
        ("3M", 3e6),
        ("1e3", 1000.0),
        ("2E", 2e18),
        ("0", 0.0),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "much", "1Xi", "1mm", "NaN", "Infinity", "m", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)
