"""Restores: data and all, what is changed on the way, what exists, and how they fail."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    ROLEBINDINGS,
    SERVICEACCOUNTS,
    SERVICES,
    STATEFULSETS,
)
from sandbox.velero.definitions import RESTORES, VOLUME_RESTORES
from tests.sandbox.velero.conftest import LABELS, Hands

COPY: dict[str, Any] = {"defaultVolumesToFsBackup": True}


async def a_set(hands: Hands) -> None:
    """A StatefulSet of two with a claim each, and their data."""
    container = {
        "name": "db",
        "image": "db:1",
        "volumeMounts": [{"name": "files", "mountPath": "/data"}],
    }
    claim = {
        "metadata": {"name": "files", "labels": LABELS},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    spec = {
        "replicas": 2,
        "serviceName": "db",
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        "volumeClaimTemplates": [claim],
    }
    hands.make(STATEFULSETS, "db", spec=spec)
    for number in range(2):
        await hands.running(f"db-{number}")
        hands.velero.write_volume("shop", f"files-db-{number}", {"orders": number})


async def test_a_set_comes_back_with_its_data(hands: Hands) -> None:
    await a_set(hands)
    await hands.back_up(**COPY)
    await hands.lose()
    status = await hands.restore()

    assert status["phase"] == "Completed"
    for number in range(2):
        await hands.running(f"db-{number}")
        assert hands.velero.volume("shop", f"files-db-{number}") == {"orders": number}
        pod = hands.get(PODS, f"db-{number}")
        assert pod is not None
        assert pod["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet", "adopted"
        assert pod["spec"]["initContainers"][0]["name"] == "restore-wait"
    requests = hands.store.scan(VOLUME_RESTORES, "velero")
    assert {r["status"]["phase"] for r in requests} == {"Completed"}


async def test_a_restored_pod_waits_for_its_data(hands: Hands) -> None:
    await hands.database()
    await hands.back_up(**COPY)
    await hands.lose()
    hands.ask(RESTORES, "r", backupName="b")
    await hands.until(lambda: hands.store.scan(VOLUME_RESTORES, "velero"))
    hands.velero.fault("sticks")
    with pytest.raises(TimeoutError):
        await hands.cluster.wait_for(lambda: _runs(hands), 0.3)
    hands.velero.fault("sticks", False)
    await hands.until(lambda: _runs(hands))
    assert hands.velero.volume("shop", "data") == {"orders": 3}


def _runs(hands: Hands) -> bool:
    pod = hands.get(PODS, "db")
    return pod is not None and pod["status"].get("phase") == "Running"


async def test_without_stored_data_the_volume_comes_back_empty(hands: Hands) -> None:
    await a_set(hands)
    await hands.back_up(snapshotVolumes=False)
    await hands.lose()
    assert (await hands.restore())["phase"] == "Completed", "and nobody says a word"
    await hands.running("db-0")
    assert hands.velero.volume("shop", "files-db-0") == {}


async def test_a_copy_has_its_own_data(hands: Hands) -> None:
    await a_set(hands)
    await hands.back_up(**COPY)
    hands.velero.write_volume("shop", "files-db-1", {"orders": 99})
    await hands.restore(namespaceMapping={"shop": "copy"})
    await hands.running("db-1", "copy")
    assert hands.velero.volume("copy", "files-db-1") == {"orders": 1}
    assert hands.velero.volume("shop", "files-db-1") == {"orders": 99}


async def test_update_never_rolls_data_back(hands: Hands) -> None:
    await a_set(hands)
    await hands.back_up(**COPY)
    hands.velero.write_volume("shop", "files-db-0", {"orders": 99})
    await hands.restore(existingResourcePolicy="update")
    assert hands.velero.volume("shop", "files-db-0") == {"orders": 99}
    said = " ".join(hands.warnings()["namespaces"]["shop"])
    assert (
        'PersistentVolumeClaim "files-db-0" is invalid: spec: Forbidden: spec is immutable' in said
    )


async def test_data_that_cannot_be_read_makes_the_restore_partial(hands: Hands) -> None:
    await a_set(hands)
    await hands.back_up(**COPY)
    await hands.lose()
    hands.velero.fault("volumes_fail")
    status = await hands.restore()
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 2)
    assert hands.velero.volume("shop", "files-db-0") == {}


async def test_a_volume_that_is_kept_is_bound_again(hands: Hands) -> None:
    await hands.database()
    (volume,) = hands.store.list(PERSISTENTVOLUMES)
    volume["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    hands.store.update(PERSISTENTVOLUMES, volume)
    await hands.back_up(snapshotVolumes=False)
    await hands.lose()
    name = volume["metadata"]["name"]
    await hands.until(
        lambda: hands.store.peek(PERSISTENTVOLUMES, None, name)["status"]["phase"] == "Released"
    )
    hands.store.delete(PERSISTENTVOLUMES, None, name)
    await hands.restore()
    claim = hands.get(PERSISTENTVOLUMECLAIMS, "data")
    assert claim is not None
    assert claim["spec"]["volumeName"] == name


async def test_work_that_is_done_is_not_done_again(hands: Hands) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}
    hands.make(JOBS, "once", spec={"template": template})
    await hands.until(lambda: (hands.get(JOBS, "once") or {})["status"].get("completionTime"))
    await hands.back_up()
    assert "shop/once" in hands.saved()["batch/v1/Job"]
    await hands.lose()
    await hands.restore()
    assert hands.get(JOBS, "once") is None
    assert not hands.store.scan(PODS, "shop")


async def test_ports_of_nodes_are_given_anew_unless_kept(hands: Hands) -> None:
    port = {"port": 80, "nodePort": 30500}
    hands.make(SERVICES, "web", spec={"type": "NodePort", "ports": [port]})
    await hands.back_up()
    for name, keep in (("anew", False), ("kept", True)):
        await hands.lose()
        await hands.restore(name, preserveNodePorts=keep)
        found = hands.get(SERVICES, "web")
        assert found is not None
        assert (found["spec"]["ports"][0]["nodePort"] == 30500) == keep


async def test_a_port_somebody_chose_is_kept(hands: Hands) -> None:
    note = '{"spec": {"ports": [{"port": 80, "nodePort": 30500}]}}'
    applied = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": note}}
    port = {"port": 80, "nodePort": 30500}
    hands.make(SERVICES, "web", metadata=applied, spec={"type": "NodePort", "ports": [port]})
    await hands.back_up()
    await hands.lose()
    await hands.restore()
    found = hands.get(SERVICES, "web")
    assert found is not None
    assert found["spec"]["ports"][0]["nodePort"] == 30500


async def test_accounts_are_merged_and_bindings_follow_the_mapping(hands: Hands) -> None:
    hands.make(SERVICEACCOUNTS, "robot", imagePullSecrets=[{"name": "saved"}])
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    hands.make(ROLEBINDINGS, "robot", subjects=[subject], roleRef=ref)
    await hands.back_up()
    account = hands.get(SERVICEACCOUNTS, "robot")
    assert account is not None
    account["imagePullSecrets"] = [{"name": "newer"}]
    hands.store.update(SERVICEACCOUNTS, account)
    await hands.restore(includedResources=["serviceaccounts"])
    merged = hands.get(SERVICEACCOUNTS, "robot")
    assert merged is not None
    assert merged["imagePullSecrets"] == [{"name": "newer"}, {"name": "saved"}]

    await hands.restore("copy", namespaceMapping={"shop": "copy"})
    binding = hands.get(ROLEBINDINGS, "robot", "copy")
    assert binding is not None
    assert binding["subjects"][0]["namespace"] == "copy"


async def test_a_namespace_keeps_its_labels(hands: Hands) -> None:
    await hands.back_up()
    await hands.lose()
    await hands.restore()
    home = hands.store.get(NAMESPACES, None, "shop")
    assert home["metadata"]["labels"]["team"] == "a"


async def test_it_waits_for_a_namespace_that_is_going_away(hands: Hands) -> None:
    hands.make(CONFIGMAPS, "held", metadata={"finalizers": ["example.com/hold"]}, data={})
    await hands.back_up()
    hands.store.delete(NAMESPACES, None, "shop")
    hands.ask(RESTORES, "r", backupName="b")
    await hands.until(lambda: hands.status(RESTORES, "r").get("phase") == "InProgress")
    held = hands.get(CONFIGMAPS, "held")
    assert held is not None
    held["metadata"]["finalizers"] = []
    hands.store.update(CONFIGMAPS, held)
    assert (await hands.ended(RESTORES, "r"))["phase"] == "Completed"
    assert hands.get(CONFIGMAPS, "settings")


async def test_modifiers_change_what_is_restored(hands: Hands) -> None:
    rules = """
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, resourceNameRegex: "^set", namespaces: [shop]}
  patches: [{operation: replace, path: /data/colour, value: "green"}]
- conditions: {groupResource: deployments.apps}
  mergePatches: [{patchData: '{"spec": {"replicas": 0}}'}]
"""
    container = {"name": "a", "image": "a:1"}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template}
    hands.make(DEPLOYMENTS, "web", spec=spec)
    await hands.back_up()
    await hands.lose()
    hands.make(CONFIGMAPS, "rules", "velero", data={"rules": rules})
    await hands.restore(
        resourceModifier={"kind": "ConfigMap", "name": "rules"},
        excludedResources=["pods", "replicasets"],
    )
    settings, web = hands.get(CONFIGMAPS, "settings"), hands.get(DEPLOYMENTS, "web")
    assert settings is not None
    assert settings["data"] == {"colour": "green"}
    assert web is not None
    assert web["spec"]["replicas"] == 0
