"""Two looks at a namespace, and what differs between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes.differences import Before, Sight, Told, differences, new_revisions, undated
from bot.changes.observed import Revision, Workload, Write, revision, workload
from bot.changes.ours import SLACK, Ours, Spell

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
KINDS = frozenset({"deployment", "statefulset", "daemonset", "release"})
HELM, EDIT = Write("helm", NOW - 50 * SECOND, "", 5), Write("kubectl-edit", NOW - SECOND, "", 2)
AUTO = Write("kube-controller-manager", NOW - SECOND, "scale", 1)
WEB = Workload(
    *("deployment/web", "shop", "u1", 3, NOW - 100 * SECOND, 2, {"main": "nginx:1"}, "", "tiny"),
    writes=(HELM,),
    owners={"replicas": HELM, "image main": HELM},
)
R1 = Revision("tiny", "shop", 1, NOW - 50 * SECOND, "deployed", "op1", "helm")
R2 = replace(R1, number=2, made_at=NOW - 5 * SECOND, operation="")


def sight(*seen: Workload | Revision, **more: Any) -> Sight:
    workloads = {one.object: one for one in seen if isinstance(one, Workload)}
    releases: dict[str, list[Revision]] = {}
    for one in seen:
        if isinstance(one, Revision):
            releases.setdefault(one.release, []).append(one)
    base: dict[str, Any] = {"now": NOW, "kinds": KINDS, "apps": {"tiny": "shop-app"}}
    return Sight("main", "shop", **{**base, **more}, workloads=workloads, releases=releases)


def before(*seen: Workload | Revision, kinds: frozenset[str] = KINDS) -> Before:
    return Before(kinds, sight(*seen).facts)


def told(old: Before, new: Sight, *spells: Spell, **records: Told) -> list[str]:
    known = {("tiny", int(name[1:])): record for name, record in records.items()}
    return [one.text for one in differences(old, new, Ours(spells), known)]


def changed(*writes: Write, **more: Any) -> Workload:
    return replace(WEB, generation=4, writes=(HELM, *writes), **more)


def test_nothing_is_told_of_a_kind_that_was_not_looked_at_before() -> None:
    assert told(before(WEB, R1, kinds=frozenset({"release"})), sight(WEB, R1)) == []
    assert told(Before(), sight(WEB, R1)) == []


def test_one_who_changes_two_things_is_one_line() -> None:
    owners = {"replicas": EDIT, "image main": EDIT}
    now = changed(EDIT, replicas=5, images={"main": "nginx:2"}, owners=owners)
    [one] = differences(before(WEB, R1), sight(now, R1), Ours(), {})
    assert one.text == "deployment/web: image nginx:1 → nginx:2 and scaled from 2 to 5"
    assert (one.kind, one.manager, one.app) == ("deploy", "kubectl-edit", "shop-app")


def test_two_who_change_two_things_are_two_lines() -> None:
    owners = {"replicas": AUTO, "image main": EDIT}
    now = changed(AUTO, EDIT, replicas=5, images={"main": "nginx:2"}, owners=owners)
    found = differences(before(WEB, R1), sight(now, R1), Ours(), {})
    assert {(one.manager, one.automatic) for one in found} == {
        ("kubectl-edit", False),
        ("kube-controller-manager", True),
    }


def test_what_a_controller_changes_besides_a_size_is_nobodys_change() -> None:
    assert told(before(WEB, R1), sight(changed(replace(AUTO, subresource="")), R1)) == []


def test_no_change_is_dated_to_come_however_far_the_clocks_differ() -> None:
    late = replace(EDIT, at=NOW + 3600 * SECOND)
    now = changed(late, replicas=5, owners={"replicas": late})
    [one] = differences(before(WEB, R1), sight(now, R1), Ours(), {})
    assert one.at == NOW


def test_a_change_that_nobody_owns_is_told_without_a_name_unless_the_bot_may_have_made_it() -> None:
    assert told(before(WEB, R1), sight(changed(), R1)) == ["deployment/web: settings changed"]
    ours = Spell("op9", "restart", NOW - SECOND, None)
    assert told(before(WEB, R1), sight(changed(), R1), ours) == []
    assert told(before(WEB, R1), sight(changed(), R1, replace(R2, operation="op1")), ours) != []


def test_who_only_lost_a_field_did_not_write() -> None:
    other = Write("kubectl-set", NOW - 40 * SECOND, "", 3)
    old = replace(WEB, writes=(other, HELM))
    now = replace(
        old,
        generation=4,
        replicas=5,
        owners={"replicas": EDIT},
        writes=(replace(other, fields=2), HELM, EDIT),
    )
    [one] = differences(before(old, R1), sight(now, R1), Ours(), {})
    assert one.manager == "kubectl-edit"


def test_helms_work_is_told_by_the_release_where_releases_can_be_seen() -> None:
    again = replace(HELM, at=NOW - SECOND)
    now = replace(WEB, generation=4, replicas=5, writes=(again,), owners={"replicas": again})
    assert told(before(WEB, R1), sight(now, R1)) == []
    blind = frozenset({"deployment"})
    assert told(before(WEB), sight(now, kinds=blind)) == ["deployment/web: scaled from 2 to 5"]


def test_a_new_revision_is_told_with_its_chart_and_how_it_ended() -> None:
    record = Told("tiny-1.2.3", "Upgrade complete")
    assert told(before(R1), sight(R1, R2), r2=record) == [
        "Helm release tiny upgraded to revision 2 with chart tiny-1.2.3"
    ]
    failed = replace(R2, status="failed")
    assert told(before(R1), sight(R1, failed)) == [
        "Helm release tiny upgraded to revision 2, which failed"
    ]


def test_what_helm_is_still_at_work_on_is_told_once_it_is_done_or_given_up() -> None:
    pending = replace(R2, status="pending-upgrade")
    assert new_revisions(before(R1), sight(R1, pending)) == []
    assert sight(R1, pending).facts == sight(R1).facts
    late = sight(R1, pending, now=NOW + 600 * SECOND)
    assert told(before(R1), late) == [
        "Helm release tiny upgraded to revision 2, which helm never finished"
    ]


def test_a_label_of_the_bot_counts_for_the_first_revision_that_has_it_only() -> None:
    ours = Spell("op2", "deploy", NOW - 60 * SECOND, NOW - 55 * SECOND, done=True)
    mine = replace(R2, operation="op2")
    heir = replace(R2, number=3, operation="op2")
    assert told(before(R1), sight(R1, mine), ours) == []
    assert len(told(before(R1), sight(R1, mine, heir), ours)) == 1
    assert len(told(before(R1), sight(R1, mine))) == 1  # of an operation that nobody knows


@pytest.mark.parametrize(
    ("spell", "own"),
    [
        (Spell("o", "rollback", NOW - 6 * SECOND, NOW - 4 * SECOND, done=True), True),
        (Spell("o", "rollback", NOW - 6 * SECOND, None), True),
        (Spell("o", "rollback", NOW - 6 * SECOND, None, target=1), True),
        (Spell("o", "rollback", NOW - 6 * SECOND, None, target=2), False),
        (Spell("o", "deploy", NOW - 6 * SECOND, None), True),
        (Spell("o", "deploy", NOW - 6 * SECOND, NOW - SECOND, done=True), False),
        (Spell("o", "restart", NOW - 6 * SECOND, None), False),
        (Spell("o", "rollback", NOW - 60 * SECOND, NOW - 6 * SECOND - SLACK, done=True), False),
        (Spell("o", "restore", NOW - 6 * SECOND, None), True),
    ],
    ids=[
        *("ended", "running", "to it", "to another", "deploy", "good deploy", "restart"),
        *("long ago", "restore"),
    ],
)
def test_a_rollback_is_the_bots_while_it_rolls_back(spell: Spell, own: bool) -> None:
    record = Told("tiny-1", "Rollback to 1")
    said = told(before(R1), sight(R1, R2), spell, r2=record)
    assert said == ([] if own else ["Helm release tiny rolled back to revision 1"])


def test_a_description_says_whose_revision_it_is_and_never_reaches_the_text() -> None:
    ours = Spell("op7", "deploy", NOW - 9000 * SECOND, NOW - 8000 * SECOND, done=True)
    assert told(before(R1), sight(R1, R2), ours, r2=Told("tiny-1", "op7 by ann")) == []
    bad = Told("tiny-1", "Rollback to <!channel>")
    assert told(before(R1), sight(R1, R2), r2=bad) == ["Helm release tiny rolled back"]


def test_what_a_restore_brings_back_is_the_bots() -> None:
    restore = Spell("o", "restore", NOW - 20 * SECOND, None)
    new = replace(WEB, uid="u2", made_at=NOW - SECOND, writes=(Write("velero-server", NOW, "", 9),))
    assert told(before(WEB, R1), sight(new, R1), restore) == []
    assert told(before(WEB, R1), sight(new, R1)) == ["deployment/web made anew"]


def test_objects_that_go_with_their_release_are_not_told_one_by_one() -> None:
    gone = sight(replace(R1, status="uninstalling"))
    assert told(before(WEB, R1), gone) == []
    assert told(before(WEB, R1), sight()) == ["Helm release tiny uninstalled"]
    kept = sight(replace(R1, status="uninstalled"))
    assert told(before(WEB, R1), kept) == ["Helm release tiny uninstalled"]
    assert told(before(replace(R1, status="uninstalled")), kept) == []
    missed = {"deployment/web": NOW - 4 * SECOND}
    assert told(before(WEB, R1), sight(R1, gone=missed)) == ["deployment/web deleted"]
    just = {"deployment/web": NOW - SECOND}  # two watches, and the release's comes later
    assert told(before(WEB, R1), sight(R1, gone=just)) == []


def test_what_is_kept_of_an_object_has_no_values_but_sizes_and_images() -> None:
    secret = [{"name": "PASSWORD", "value": "hunter2"}]
    entry = {"manager": "x", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:a": {}}}}
    item = {
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u",
            "managedFields": [entry],
        },
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "main", "image": "nginx:1", "env": secret}]}
            }
        },
    }
    assert "hunter2" not in str(workload(item).facts)
    other = {"metadata": {"name": "password", "namespace": "shop"}, "data": {"x": "aHVudGVyMg=="}}
    assert revision(other) is None


def test_a_scaling_that_the_server_does_not_date_has_the_date_of_its_event() -> None:
    scale = Write("kubectl", 0, "scale", 1)
    now = replace(WEB, generation=4, replicas=5, writes=(scale, HELM), owners={"replicas": scale})
    new = sight(now, R1)
    assert undated(before(WEB, R1), new) == [now]
    assert undated(before(now, R1), new) == []
    dated = replace(new, scaled={"deployment/web": NOW - 900 * SECOND})
    [one] = differences(before(WEB, R1), dated, Ours(), {})
    assert (one.at, one.manager) == (NOW - 900 * SECOND, "kubectl")
    [live] = differences(before(WEB, R1), new, Ours(), {})
    assert live.at == NOW
