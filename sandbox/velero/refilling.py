"""What happens in restored pods: their volumes are filled, then their hooks run."""

from __future__ import annotations

from typing import Any

from sandbox.kube.controllers.behaviour import NotYet, Programs
from sandbox.kube.controllers.meta import owner_ref, pod_ready
from sandbox.kube.resources import PODS
from sandbox.kube.runtime import ExecResult
from sandbox.velero import hooks
from sandbox.velero.artefacts import Artefacts
from sandbox.velero.definitions import BACKUPS, VOLUME_RESTORES
from sandbox.velero.hooks import Hook
from sandbox.velero.mending import WAITER
from sandbox.velero.objectstore import StoreError
from sandbox.velero.site import NAMESPACE, Site, label_value
from sandbox.velero.volumes import size

Json = dict[str, Any]

_LONG = 4 * 3600.0
_FINISHED = ("Completed", "Failed", "Canceled")


def copies_of(made: list[Json], pod: Json) -> dict[str, str]:
    """Return the snapshots of a saved pod's volumes, by the volumes' names."""
    meta = pod["metadata"]
    return {
        copy["spec"]["volume"]: copy["status"]["snapshotID"]
        for copy in made
        if (copy["spec"]["pod"]["namespace"], copy["spec"]["pod"]["name"])
        == (meta["namespace"], meta["name"])
        and (copy.get("status") or {}).get("snapshotID")
    }


def request(
    site: Site, restore: Json, pod: Json, source: Json, copies: dict[str, str]
) -> dict[str, str]:
    """Ask for the data of a restored pod's volumes: the requests' names by volume.

    Args:
        site: Where.
        restore: The run.
        pod: The pod as it was created.
        source: The pod as it was saved.
        copies: Snapshots by volume.
    """
    return {
        volume: _requested(site, restore, pod, source["metadata"]["namespace"], volume, snapshot)
        for volume, snapshot in sorted(copies.items())
    }


async def fill(
    site: Site, pod: Json, requests: dict[str, str], copies: dict[str, str], artefacts: Artefacts
) -> list[str]:
    """Do as requested once the pod has a node; returns what went wrong."""
    meta = pod["metadata"]

    def scheduled() -> bool:
        found = site.store.peek(PODS, meta["namespace"], meta["name"])
        return found is None or bool(found["spec"].get("nodeName"))

    await site.until(scheduled, _LONG)
    fresh = site.store.peek(PODS, meta["namespace"], meta["name"])
    found = []
    for volume, name in requests.items():
        why = await _one(site, name, fresh, volume, copies[volume], artefacts)
        if why:
            found.append(f"pod volume restore failed: {why}")
    return found


async def _one(
    site: Site, name: str, pod: Json | None, volume: str, snapshot: str, artefacts: Artefacts
) -> str:
    for phase in ("Accepted", "Prepared", "InProgress"):
        _mark(site, name, phase=phase)
    _mark(site, name, startTimestamp=site.stamp())
    await site.pause(site.tempo.volume)
    await site.faults.moving()
    why = ""
    try:
        if site.faults.volumes_fail:
            raise StoreError("a fault was asked for")
        content = artefacts.volume(snapshot)
        if pod is None:
            why = "the pod is gone"
        elif not site.agent_runs_on(pod["spec"]["nodeName"]):
            why = f"node-agent pod is not running in node {pod['spec']['nodeName']}"
        elif content is None:
            why = f"error running restore: snapshot {snapshot} not found"
        else:
            site.disks.write(site.disks.key(pod, volume), content)
            total = size(content)
            _mark(site, name, progress={"totalBytes": total, "bytesDone": total})
    except StoreError as error:
        why = f"error running restore: {error}"
    status = {"phase": "Failed", "message": why} if why else {"phase": "Completed"}
    _mark(site, name, completionTimestamp=site.stamp(), **status)
    return why


def _mark(site: Site, name: str, **status: Any) -> None:
    site.patch(VOLUME_RESTORES, name, lambda o: o.setdefault("status", {}).update(status))


def _requested(
    site: Site, restore: Json, pod: Json, source: str, volume: str, snapshot: str
) -> str:
    meta, name = pod["metadata"], restore["metadata"]["name"]
    backup = site.peek(BACKUPS, restore["spec"]["backupName"])
    location = backup["spec"]["storageLocation"] if backup else ""
    owner = {k: v for k, v in owner_ref(restore).items() if k != "blockOwnerDeletion"}
    labels = {
        "velero.io/restore-name": label_value(name),
        "velero.io/restore-uid": restore["metadata"]["uid"],
        "velero.io/pod-uid": meta["uid"],
    }
    spec = {
        "pod": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"],
                "uid": meta["uid"]},
        "volume": volume,
        "snapshotID": snapshot,
        "backupStorageLocation": location,
        "repoIdentifier": "",
        "uploaderType": "kopia",
        "sourceNamespace": source,
    }  # fmt: skip
    made = site.create(
        VOLUME_RESTORES,
        f"{name}-",
        metadata={"labels": labels, "ownerReferences": [owner]},
        spec=spec,
    )
    return str(made["metadata"]["name"])


async def run_hook(site: Site, pod: Json, hook: Hook) -> str:
    """Run a restored pod's hook once its container is up; returns what went wrong."""
    meta = pod["metadata"]
    named = f"{meta['namespace']}/{meta['name']}"

    def look() -> Json | str | None:
        found = site.store.peek(PODS, meta["namespace"], meta["name"])
        if found is None or found["metadata"]["uid"] != meta["uid"]:
            return "gone"
        status = found.get("status") or {}
        if status.get("phase") in ("Succeeded", "Failed"):
            return "ended"
        for one in status.get("containerStatuses") or ():
            if one["name"] == hook.container:
                up = one.get("ready") if hook.wait_ready else "running" in (one.get("state") or {})
                return found if up and (not hook.wait_ready or pod_ready(found)) else None
        return None

    found = await site.until(look, hook.wait or _LONG)
    if not isinstance(found, dict):
        why = "context deadline exceeded" if found is None else "context canceled"
        return f"hook {hook.name} in container {hook.container} in pod {named} not executed: {why}"
    why = await hooks.run(site, found, hook)
    if not why:
        return ""
    return f"hook {hook.name} in container {hook.container} failed to execute, err: {why}"


class Waiting:
    """Keeps the init container ``restore-wait`` waiting until its pod's volumes are filled."""

    def __init__(self, site: Site, others: Programs | None) -> None:
        self._site, self._others = site, others

    def run(self, pod: Json, container: Json) -> ExecResult | NotYet | None:
        """Run a container's command to its end."""
        if container["name"] != WAITER:
            return self._others.run(pod, container) if self._others else None
        for request in self._site.store.scan(VOLUME_RESTORES, NAMESPACE):
            mine = request["spec"]["pod"]["uid"] == pod["metadata"]["uid"]
            if mine and (request.get("status") or {}).get("phase") not in _FINISHED:
                return NotYet("its volumes")
        return ExecResult(b"All restores are done\n")
