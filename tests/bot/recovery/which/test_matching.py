"""What a backup would save of a namespace, and what it would not."""

from __future__ import annotations

from typing import Any

from bot.recovery.which.matching import EXCLUDE_LABEL, Seen, match

APP = {"app": "shop"}
WANTED = [APP, {"owner": "helm", "name": "shop"}]


def pod(name: str, *claims: str) -> dict[str, Any]:
    volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    return {"metadata": {"name": name}, "spec": {"volumes": [*volumes, {"name": "tmp"}]}}


def test_objects_are_counted_by_kind_and_unlabelled_ones_named() -> None:
    objects = [
        Seen("Secret", "keys", APP),
        Seen("Secret", "sh.helm.release.v1.shop.v1", {"owner": "helm", "name": "shop"}),
        Seen("Secret", "sh.helm.release.v1.other.v1", {"owner": "helm", "name": "other"}),
        Seen("ConfigMap", "forgotten"),
        Seen("Deployment", "web", {**APP, "x": "y"}),
    ]
    found = match(objects, [], WANTED)
    assert found.kinds == {"Deployment": 1, "Secret": 2}
    assert found.total == 3
    assert found.missed == ("ConfigMap/forgotten", "Secret/sh.helm.release.v1.other.v1")


def test_one_label_of_a_selector_does_not_suffice() -> None:
    assert match([Seen("Secret", "a", {"owner": "helm"})], [], WANTED).total == 0


def test_what_the_cluster_makes_by_itself_is_not_missed() -> None:
    objects = [
        Seen("ConfigMap", "kube-root-ca.crt"),
        Seen("ServiceAccount", "default"),
        Seen("Event", "web.17"),
        Seen("Lease", "leader"),
        Seen("ReplicaSet", "web-1", owned=True),
        Seen("ConfigMap", "default"),
    ]
    assert match(objects, [], WANTED).missed == ("ConfigMap/default",)


def test_objects_of_another_app_are_not_missed() -> None:
    objects = [Seen("Secret", "theirs", {"app": "other"}), Seen("Secret", "nobodys")]
    assert match(objects, [], WANTED, [{"app": "other"}]).missed == ("Secret/nobodys",)


def test_claims_come_along_with_pods_and_pods_with_claims() -> None:
    objects = [
        Seen("Pod", "db-0", APP, owned=True),
        Seen("PersistentVolumeClaim", "data-db-0"),
        Seen("Pod", "helper"),
        Seen("PersistentVolumeClaim", "more"),
        Seen("PersistentVolumeClaim", "labelled", APP),
        Seen("PersistentVolumeClaim", "apart"),
        Seen("Pod", "apart"),
    ]
    pods = [pod("db-0", "data-db-0"), pod("helper", "data-db-0", "more"), pod("apart", "apart")]
    found = match(objects, pods, WANTED)
    assert found.claims == ("data-db-0", "labelled", "more")
    assert found.missed == ("PersistentVolumeClaim/apart", "Pod/apart")


def test_what_is_marked_to_be_left_out_is_told_apart() -> None:
    found = match([Seen("Secret", "a", {**APP, EXCLUDE_LABEL: "true"})], [], WANTED)
    assert (found.total, found.excluded, found.missed) == (0, ("Secret/a",), ())


def test_kinds_that_could_not_be_listed_are_named() -> None:
    assert match([], [], WANTED, (), ["Secret", "Secret"]).unseen == ("Secret",)
