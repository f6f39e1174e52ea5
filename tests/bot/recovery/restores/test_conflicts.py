"""What a restore would meet: the backup's objects against what is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import UsageError
from bot.recovery.restores import conflicts
from bot.recovery.restores.conflicts import CLAIMS, INGRESSES, PODS, SERVICES
from integrations.velero.contents import Saved

HERE = {"parse": "parse"}
COPY = {"parse": "copy"}


def saved(resource: str, name: str, kind: str = "Thing", **body: Any) -> Saved:
    meta = {"name": name, "namespace": "parse", **body.pop("metadata", {})}
    return Saved(resource, "parse", name, {"kind": kind, "metadata": meta, **body})


def live(name: str, namespace: str = "parse", **body: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, **body}


def node_port(number: int, **more: Any) -> dict[str, Any]:
    return {"ports": [{"port": 80, "nodePort": number, **more}]}


def test_only_what_was_asked_for_is_taken() -> None:
    ended = Saved("jobs.batch", "parse", "init", {"kind": "Job"}, ended=True)
    objects = [
        saved("secrets", "keys"),
        saved("events", "e"),
        saved("deployments.apps", "web"),
        Saved("secrets", "other", "keys", {}),
        Saved("persistentvolumes", "", "pv", {}),
        ended,
    ]
    assert [o.name for o in conflicts.taken(objects, ["parse"])] == ["keys", "web"]
    assert [o.name for o in conflicts.taken(objects, ["parse"], ["secrets"])] == ["keys"]


def test_kinds_are_named_as_people_name_them() -> None:
    objects = [
        saved("deployments.apps", "web", "Deployment"),
        saved("secrets", "keys", "Secret"),
        saved(INGRESSES, "web", "Ingress"),
    ]
    assert conflicts.chosen_resources("Deployment,secrets, ingress", objects) == (
        "deployments.apps",
        "secrets",
        INGRESSES,
    )
    assert conflicts.chosen_resources("deployments.apps", objects) == ("deployments.apps",)
    assert conflicts.chosen_resources("", objects) == ()
    with pytest.raises(UsageError, match="nothing of the kind pods") as caught:
        conflicts.chosen_resources("pods", objects)
    assert "deployments, ingresses and secrets" in str(caught.value)


def test_objects_are_met_where_they_go_not_where_they_come_from() -> None:
    objects = [saved("secrets", "keys", "Secret"), saved(PODS, "web-1", "Pod")]
    there = {
        ("secrets", "parse"): {"keys": {"uid": "1"}},
        (PODS, "parse"): {"web-1": {"uid": "2"}},
    }
    found = conflicts.met(objects, HERE, there)
    assert [(m.path, m.passing) for m in found] == [("Secret keys", False), ("Pod web-1", True)]
    assert conflicts.met(objects, COPY, there) == ()


def test_a_node_port_that_is_kept_and_held_is_told() -> None:
    objects = [saved(SERVICES, "web", spec=node_port(30080))]
    other = live("api", "shop", spec=node_port(30080))
    assert conflicts.port_clashes(objects, HERE, [other], keep=True) == (
        "Node port 30080 of Service web is held by shop/api: that Service will not be restored.",
    )
    assert conflicts.port_clashes(objects, HERE, [other], keep=False) == (), "another is given"


def test_a_node_port_that_somebody_chose_is_kept_by_velero() -> None:
    applied = json.dumps({"spec": node_port(30080)})
    noted = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}
    managed = {
        "managedFields": [
            {"fieldsV1": {"f:spec": {"f:ports": {
                'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}},
            }}}}
        ]
    }  # fmt: skip
    other = live("api", "shop", spec=node_port(30080))
    for metadata in (noted, managed):
        objects = [saved(SERVICES, "web", metadata=metadata, spec=node_port(30080))]
        assert conflicts.port_clashes(objects, HERE, [other], keep=False)


def test_a_service_that_exists_clashes_with_nothing() -> None:
    objects = [saved(SERVICES, "web", spec=node_port(30080))]
    assert (
        conflicts.port_clashes(objects, HERE, [live("web", spec=node_port(30080))], keep=True) == ()
    )


def test_a_host_that_another_ingress_serves_is_told() -> None:
    rules = {"rules": [{"host": "parse.example.com"}, {"http": {}}]}
    objects = [saved(INGRESSES, "web", spec=rules)]
    original = live("web", spec=rules)
    assert conflicts.host_clashes(objects, HERE, [original]) == ()
    assert conflicts.host_clashes(objects, COPY, [original]) == (
        "Host parse.example.com of Ingress web is served by parse/web: which of the two answers "
        "is not certain.",
    )


def claim(name: str, **spec: Any) -> Saved:
    return saved(CLAIMS, name, spec=spec)


FAST = {"metadata": {"name": "fast"}}
DEFAULT = {
    "metadata": {
        "name": "usual",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
}


@pytest.mark.parametrize(
    ("spec", "classes", "held", "said"),
    [
        ({"storageClassName": "fast"}, [FAST], [], ()),
        (
            {"storageClassName": "fast"},
            [DEFAULT],
            [],
            ("Storage class fast is missing here: data waits for a volume for ever.",),
        ),
        ({"storageClassName": "fast"}, [], ["data"], ()),
        ({}, [DEFAULT], [], ()),
        (
            {},
            [FAST],
            [],
            ("The cluster has no default storage class: data waits for a volume for ever.",),
        ),
        ({"storageClassName": ""}, [], [], ()),
    ],
)
def test_storage_classes_that_are_missing(
    spec: dict[str, Any], classes: list[Any], held: list[str], said: tuple[str, ...]
) -> None:
    assert conflicts.class_problems([claim("data", **spec)], classes, held) == said


@pytest.mark.parametrize(
    ("source", "here", "told"),
    [
        ("v1.35.4", "v1.35.1", False),
        ("v1.35.4", "v1.33.9", True),
        ("v1.9.0", "v1.10.0", False),
        ("v1.31.2+rke2r1", "v1.30.8+k3s1", True),
        ("", "v1.30.0", False),
        ("strange", "v1.30.0", False),
    ],
)
def test_an_older_cluster_is_told(source: str, here: str, told: bool) -> None:
    assert bool(conflicts.older(source, here)) is told


def test_pods_with_a_restore_hook_are_known() -> None:
    notes = {"annotations": {"post.hook.restore.velero.io/command": '["sh"]'}}
    objects = [saved(PODS, "db-0", metadata=notes), saved(PODS, "web-1")]
    assert conflicts.hooked(objects) == ("db-0",)
