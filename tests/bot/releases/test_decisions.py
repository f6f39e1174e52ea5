"""Pure decisions: where a rollback goes, what a size change sets, what a set of members bears."""

from __future__ import annotations

import pytest

from bot.context import Weight
from bot.errors import Refused
from bot.releases.deployment import default_target, versions
from bot.releases.membership import check_members, warnings_about
from bot.releases.sizing import sizing
from bot.releases.words import ago, count, lasted, listed, moment, span, stamp
from integrations.helm.models import Revision
from integrations.kubernetes.autoscaling import Autoscaler


def history(*descriptions: str) -> list[Revision]:
    last = len(descriptions)
    return [
        Revision(n, "deployed" if n == last else "superseded", "c-1", "8.6", "", text)
        for n, text in enumerate(descriptions, 1)
    ]


@pytest.mark.parametrize(
    ("descriptions", "good", "target"),
    [
        ([], [], 0),
        (["a"], [1], 0),
        (["a", "b"], [1, 2], 1),
        (["a", "bad", "Rollback to 1"], [1, 3], 0),
        (["a", "b", "bad", "Rollback to 2"], [1, 2, 4], 1),
        (["a", "b", "Rollback to 1", "Rollback to 3"], [1, 2, 3, 4], 0),
        (["a", "b", "Rollback to 1", "c"], [1, 2, 3, 4], 3),
        (["a", "b", "bad"], [1, 2], 2),
        (["bad"], [], 0),
    ],
)
def test_a_rollback_goes_to_the_last_revision_that_worked_and_is_not_the_same(
    descriptions: list[str], good: list[int], target: int
) -> None:
    assert default_target(history(*descriptions), good) == target


def test_a_revision_runs_the_version_that_its_description_names() -> None:
    found = history(
        "1tfnq8rbx09jz7 deploy 8.2.0 by ann",
        "Upgrade complete",
        "Rollback to 1",
        "Rollback to 3",
        "1tfnq8rbx09jz7 deploy by ann",
    )
    assert versions(found) == {1: "8.2.0", 2: "8.6", 3: "8.2.0", 4: "8.2.0", 5: "8.6"}


SCALER = Autoscaler("web", 2, 6, 3, True)


@pytest.mark.parametrize(
    ("before", "wanted", "scaler", "replicas", "bounds", "weight"),
    [
        (2, 2, None, None, None, Weight.RUN),
        (2, 3, None, 3, None, Weight.RUN),
        (3, 2, None, 2, None, Weight.CONFIRM),
        (3, 0, None, 0, None, Weight.TYPE),
        (3, 2, SCALER, None, None, Weight.RUN),
        (3, 4, SCALER, None, (4, 6), Weight.RUN),
        (3, 9, SCALER, None, (9, 9), Weight.RUN),
        (3, 1, SCALER, None, (1, 6), Weight.CONFIRM),
        (3, 0, SCALER, 0, None, Weight.TYPE),
        (0, 3, SCALER, 3, (3, 6), Weight.RUN),
        (0, 2, SCALER, 2, None, Weight.RUN),
    ],
)
def test_a_size_sets_replicas_or_the_autoscalers_bounds(
    before: int,
    wanted: int,
    scaler: Autoscaler | None,
    replicas: int | None,
    bounds: tuple[int, int] | None,
    weight: Weight,
) -> None:
    found = sizing(before, wanted, scaler)
    assert (found.replicas, found.bounds, found.weight) == (replicas, bounds, weight)
    assert found.nothing == (replicas is None and bounds is None)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(3, ""), (2, "no majority"), (1, "no copy"), (4, "no more failures than 3"), (0, "No member")],
)
def test_a_number_of_members_comes_with_what_it_bears(wanted: int, said: str) -> None:
    assert said in " ".join(warnings_about(3, wanted))


def test_more_voters_than_mongodb_takes_are_refused() -> None:
    with pytest.raises(Refused, match="at most 7"):
        check_members(3, 8, None)


def test_measured_times_keep_two_units() -> None:
    seconds = [0.04, 1.44, 9.94, 9.96, 59.4, 200, 3600, 7530, 90_000]
    assert [lasted(int(s * 1_000_000)) for s in seconds] == [
        *("0.0 s", "1.4 s", "9.9 s", "10 s", "59 s", "3 min 20 s", "1 h", "2 h 5 min", "1 d 1 h"),
    ]


def test_times_and_numbers_in_words() -> None:
    second = 1_000_000
    assert [span(n * second) for n in (0, 59, 60, 7200, 90_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "2 h",
        "1 d",
    ]
    assert ago(10 * second, 70 * second) == "1 min ago"
    assert ago(70 * second, 10 * second) == "in 1 min"
    assert ago(30 * 86400 * second, 5 * second) == "in 30 d"
    assert ago(29 * 86400 * second, 0) == "in 29 d"
    assert ago(None, 0) == ""
    assert moment("2026-11-22T20:08:44+01:00") == moment("2026-11-22T19:08:44Z")
    assert moment("2026-11-22 20:08:44.123456789 +0100 CET") == 1_795_374_524_123_456
    assert moment("yesterday") is None
    assert stamp(moment("2026-11-22T19:08:44Z") or 0) == "2026-11-22 19:08:44 UTC"
    assert (count(1, "app"), count(2, "app")) == ("1 app", "2 apps")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
