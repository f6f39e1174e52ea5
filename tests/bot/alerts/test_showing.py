"""How the end of a condition is worded."""

from __future__ import annotations

import pytest

from bot.alerts import showing
from bot.render import terminal

MINUTE = 60_000_000
AT = 1_800_000_000_000_000  # a whole minute


@pytest.mark.parametrize(
    ("began", "ended", "said"),
    [
        (AT + 5_000_000, AT + 7_000_000, "It lasted 2 s, until 2027-01-15 08:00 UTC"),
        (
            AT + 59_000_000,
            AT + 61_000_000,
            "It lasted 2 s, from 2027-01-15 08:00 UTC to 2027-01-15 08:01 UTC",
        ),
        (
            AT,
            AT + 12 * MINUTE,
            "It lasted 12 min, from 2027-01-15 08:00 UTC to 2027-01-15 08:12 UTC",
        ),
    ],
)
def test_a_minute_is_named_once(began: int, ended: int, said: str) -> None:
    told = terminal.plain(showing.over("The store is away", "main", began, ended, ()))
    assert said in told
