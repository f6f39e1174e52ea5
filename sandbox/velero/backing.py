"""One backup run: from a validated Backup to what lies in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.resources import PERSISTENTVOLUMES, PODS
from sandbox.velero import gathering, hooks
from sandbox.velero.artefacts import packed
from sandbox.velero.definitions import BACKUPS
from sandbox.velero.gathering import Item
from sandbox.velero.journal import Journal
from sandbox.velero.objectstore import StoreError
from sandbox.velero.selecting import Selection
from sandbox.velero.site import Site
from sandbox.velero.volumes import Copies

Json = dict[str, Any]

EXISTS = "backup already exists in object storage"


class RunFailed(Exception):
    """The run as a whole failed; the text is the Backup's ``failureReason``."""


@dataclass(slots=True)
class _Run:
    site: Site
    backup: Json
    journal: Journal
    copies: Copies
    saved: list[Item] = field(default_factory=list)
    attempted: int = 0
    failed: int = 0

    @property
    def name(self) -> str:
        return str(self.backup["metadata"]["name"])


async def run(site: Site, backup: Json) -> None:
    """Save what the Backup names, store it, and leave the Backup to be finalized.

    Raises:
        RunFailed: Nothing usable was stored.
    """
    name = backup["metadata"]["name"]
    location = site.location(backup["spec"]["storageLocation"])
    if location is None:
        raise RunFailed("the backup storage location is gone")
    artefacts = site.artefacts(location)
    try:
        if name in artefacts.backups():
            raise RunFailed(EXISTS)
    except StoreError as error:
        text = f"error checking if backup already exists in object storage: {error}"
        raise RunFailed(text) from error
    journal = Journal(site.store.clock, f"backup=velero/{name}")
    run = _Run(site, backup, journal, Copies(site, backup, artefacts, journal))
    await _gather(run)
    if site.faults.backup_fails:
        raise RunFailed("a fault was asked for")
    if site.faults.backup_partial:
        _break_one(run)
    partial = bool(journal.errors.count)
    phase = "FinalizingPartiallyFailed" if partial else "Finalizing"
    status = {
        "phase": phase,
        "progress": {"totalItems": len(run.saved), "itemsBackedUp": len(run.saved)},
        "hookStatus": _without_zeros(hooksAttempted=run.attempted, hooksFailed=run.failed),
        **_without_zeros(warnings=journal.warnings.count, errors=journal.errors.count),
    }
    fresh = site.store.get(BACKUPS, backup["metadata"]["namespace"], name)
    fresh["status"].update(status)
    try:
        _store(run, fresh)
    except StoreError as error:
        raise RunFailed(str(error)) from error
    site.patch(BACKUPS, name, lambda o: o["status"].update(status))


async def _gather(run: _Run) -> None:
    site, journal = run.site, run.journal
    selection = Selection(run.backup["spec"], site.store.registry)
    journal.info("Getting items for the backup")
    items = gathering.collected(site.store, selection, journal)
    journal.info(f"Collected {len(items)} items matching the backup spec from the Kubernetes API")
    _progress(run, len(items))
    await site.pause(site.tempo.step)
    for block in gathering.blocks(site.store, items, selection, journal):
        await site.faults.moving()
        await _block(run, block)
        _progress(run, max(len(items), len(run.saved)))
        await site.pause(site.tempo.item * len(block))
    run.saved += gathering.definitions(site.store, run.saved, selection)
    await site.faults.moving()
    journal.info(f"Backed up a total of {len(run.saved)} items")


async def _block(run: _Run, block: list[Item]) -> None:
    """Save objects that belong together, between their hooks."""
    broken = set()
    pods = [obj for resource, obj in block if resource is PODS]
    for pod in pods:
        if not await _hooks(run, pod, "pre"):
            run.journal.error("Error running pre hooks for pod", name=pod["metadata"]["name"])
            broken.add(pod["metadata"]["uid"])
    for resource, obj in block:
        if obj["metadata"]["uid"] not in broken:
            await _save(run, (resource, obj))
    for pod in pods:
        if pod["metadata"]["uid"] not in broken and not await _hooks(run, pod, "post"):
            run.journal.error("Error running post hooks for pod", name=pod["metadata"]["name"])


async def _save(run: _Run, item: Item) -> None:
    resource, obj = item
    meta = obj["metadata"]
    fields = {"name": meta["name"], "resource": resource.qualified}
    if meta.get("namespace"):
        fields["namespace"] = meta["namespace"]
    run.journal.info("Backing up item", **fields)
    if resource is PODS:
        why = await run.copies.save_pod(obj)
        if why:
            run.journal.error("Error backing up item", **fields, error=why)
            return
    elif resource is PERSISTENTVOLUMES:
        run.copies.save_volume(obj)
    run.saved.append((resource, gathering.as_saved(resource, obj)))


async def _hooks(run: _Run, pod: Json, phase: hooks.Phase) -> bool:
    """Run a pod's hooks; False when one that may not fail did."""
    for hook in hooks.backup_hooks(pod, run.backup, phase):
        run.attempted += 1
        why = await hooks.run(run.site, pod, hook)
        if why:
            run.failed += 1
            meta = pod["metadata"]
            run.journal.error("Error executing hook", error=why, name=meta["name"],
                              namespace=meta["namespace"], resource="pods")  # fmt: skip
            if hook.on_error == "Fail":
                return False
    return True


def _progress(run: _Run, total: int) -> None:
    progress = _without_zeros(totalItems=total, itemsBackedUp=len(run.saved))
    run.site.patch(BACKUPS, run.name, lambda o: o["status"].update(progress=progress))


def _break_one(run: _Run) -> None:
    """Lose one object, as when the API refuses it."""
    fields = {"error": "a fault was asked for"}
    if run.saved:
        resource, obj = run.saved.pop()
        meta = obj["metadata"]
        fields |= {"name": meta["name"], "resource": resource.qualified}
        if meta.get("namespace"):
            fields["namespace"] = meta["namespace"]
    run.journal.error("Error backing up item", **fields)


def _store(run: _Run, backup: Json) -> None:
    artefacts, name = run.copies.artefacts, run.name
    volumes = [obj for resource, obj in run.saved if resource is PERSISTENTVOLUMES]
    listed: dict[str, list[str]] = {}
    for _, obj in run.saved:
        meta = obj["metadata"]
        words = [meta["namespace"], meta["name"]] if meta.get("namespace") else [meta["name"]]
        listed.setdefault(f"{obj['apiVersion']}/{obj['kind']}", []).append("/".join(words))
    artefacts.put("BackupLog", name, run.journal.text())
    artefacts.put_metadata(backup)
    artefacts.put(
        "BackupContents", name, packed((gathering.key_of(item), item[1]) for item in run.saved)
    )
    for kind, value in (
        ("BackupResults", run.journal.results()),
        ("BackupResourceList", {kind: sorted(names) for kind, names in listed.items()}),
        ("BackupVolumeInfos", run.copies.infos(volumes)),
        ("PodVolumeBackups", run.copies.made),
        ("BackupVolumeSnapshots", []),
        ("BackupItemOperations", []),
    ):
        artefacts.put(kind, name, value)


def _without_zeros(**numbers: int) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
