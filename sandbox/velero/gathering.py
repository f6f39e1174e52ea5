"""Which objects a backup takes from the cluster, in blocks of objects that belong together.

Order and company follow ``pkg/backup/item_collector.go`` and ``pkg/itemblock/actions`` of velero
v1.18.3: pods come with their claims, claims with their volumes and with all pods that use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.kube.jsonutil import thaw
from sandbox.kube.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    CRDS,
    NAMESPACES,
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    PRIORITYCLASSES,
    SERVICEACCOUNTS,
    Resource,
)
from sandbox.kube.store import Store
from sandbox.velero.journal import Journal
from sandbox.velero.selecting import Selection

Json = dict[str, Any]
Item = tuple[Resource, Json]
Key = tuple[str, str, str]

_FIRST = {"pods": 0, "persistentvolumeclaims": 1, "persistentvolumes": 2}


def key_of(item: Item) -> Key:
    """Return (resource, namespace or "", name)."""
    meta = item[1]["metadata"]
    return item[0].qualified, meta.get("namespace", ""), meta["name"]


def collected(store: Store, selection: Selection, journal: Journal) -> list[Item]:
    """Return what the filters name, in Velero's order."""
    found: list[Item] = []
    homes: set[str] = set()
    for resource in _resources(store):
        if resource is NAMESPACES or not selection.takes(resource):
            continue
        for obj in store.scan(resource):
            namespace = obj["metadata"].get("namespace", "")
            if namespace and not selection.namespaces.takes(namespace):
                continue
            if selection.labelled(obj):
                found.append((resource, obj))
                homes.add(namespace)
    if selection.takes(NAMESPACES):
        found += _namespaces(store, selection, homes, journal)
    return found


def _resources(store: Store) -> list[Resource]:
    kinds = [r for r in store.registry if r.stored and not r.alias_of]
    return sorted(kinds, key=lambda r: (r.group != "", _FIRST.get(r.qualified, 3)))


def _namespaces(
    store: Store, selection: Selection, homes: set[str], journal: Journal
) -> Iterator[Item]:
    for name in selection.namespaces.includes:
        if not set("*?[") & set(name) and store.peek(NAMESPACES, None, name) is None:
            journal.error(
                f"fail to get the namespace {name} specified in backup.Spec.IncludedNamespaces"
            )
    named = not (selection.namespaces.everything and selection.selective)
    for obj in store.scan(NAMESPACES):
        name = obj["metadata"]["name"]
        fits = selection.selective and selection.labelled(obj)
        active = (obj.get("status") or {}).get("phase") == "Active"
        if name in homes or (active and (fits or (named and selection.namespaces.takes(name)))):
            yield NAMESPACES, obj


def blocks(
    store: Store, items: list[Item], selection: Selection, journal: Journal
) -> Iterator[list[Item]]:
    """Yield the items in blocks, each with what comes along with it."""
    seen: set[Key] = set()
    for item in items:
        block: list[Item] = []
        _follow(store, item, selection, journal, seen, block)
        if block:
            yield block


def _follow(
    store: Store,
    item: Item,
    selection: Selection,
    journal: Journal,
    seen: set[Key],
    block: list[Item],
) -> None:
    if key_of(item) in seen:
        return
    seen.add(key_of(item))
    if not selection.admits(*item):
        return
    block.append(item)
    for related in _related(store, *item):
        if isinstance(related, str):
            journal.warn(
                f"Related item was not found in Kubernetes API, can't add to item block: {related}"
            )
        else:
            _follow(store, related, selection, journal, seen, block)


def _related(store: Store, resource: Resource, obj: Json) -> Iterator[Item | str]:
    namespace = obj["metadata"].get("namespace")
    if resource is PODS:
        name = obj["spec"].get("priorityClassName")
        if name:
            yield _found(store, PRIORITYCLASSES, None, name)
        for claim in claims_of(obj).values():
            yield _found(store, PERSISTENTVOLUMECLAIMS, namespace, claim)
    elif resource is PERSISTENTVOLUMECLAIMS:
        volume = obj["spec"].get("volumeName")
        if volume and (obj.get("status") or {}).get("phase") == "Bound":
            yield _found(store, PERSISTENTVOLUMES, None, volume)
        for pod in store.scan(PODS, namespace):
            if obj["metadata"]["name"] in claims_of(pod).values():
                yield PODS, pod
    elif resource is SERVICEACCOUNTS:
        yield from _rights(store, obj)


def _found(store: Store, resource: Resource, namespace: str | None, name: str) -> Item | str:
    obj = store.peek(resource, namespace, name)
    return f"{resource.qualified} {name}" if obj is None else (resource, obj)


def _rights(store: Store, account: Json) -> Iterator[Item]:
    meta = account["metadata"]
    for binding in store.scan(CLUSTERROLEBINDINGS):
        for subject in binding.get("subjects") or ():
            if (subject.get("kind"), subject.get("namespace"), subject.get("name")) == (
                "ServiceAccount", meta["namespace"], meta["name"],
            ):  # fmt: skip
                yield CLUSTERROLEBINDINGS, binding
                role = store.peek(CLUSTERROLES, None, binding["roleRef"]["name"])
                if role is not None:
                    yield CLUSTERROLES, role


def claims_of(pod: Json) -> dict[str, str]:
    """Return a pod's claims by the names of its volumes."""
    return {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    }


def definitions(store: Store, items: list[Item], selection: Selection) -> list[Item]:
    """Return the definitions of the saved custom kinds, where nobody said anything of them."""
    if selection.leaves(CRDS) or selection.takes(CRDS):
        return []
    names = {resource.qualified for resource, _ in items if resource.custom}
    found = ((CRDS, store.peek(CRDS, None, name)) for name in sorted(names))
    return [(resource, obj) for resource, obj in found if obj is not None]


def as_saved(resource: Resource, obj: Json) -> Json:
    """Return an object as it goes into the backup."""
    copy: Json = thaw(obj)
    if resource is PERSISTENTVOLUMECLAIMS:
        labels = copy["metadata"].get("labels") or {}
        for name in [n for n in labels if n in _STALE]:
            del labels[name]
        if copy["spec"].get("storageClassName") != "":
            copy["spec"].pop("selector", None)
        for name in ("dataSource", "dataSourceRef"):
            copy["spec"].pop(name, None)
    return copy


_STALE = frozenset({
    "velero.io/restore-name", "velero.io/backup-name", "velero.io/volume-snapshot-name",
})  # fmt: skip
