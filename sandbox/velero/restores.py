"""Restores from asked for to finished: validation, the run, the end, and their removal.

Follows ``pkg/controller/restore{,_finalizer}_controller.go`` of velero v1.18.3.
"""

from __future__ import annotations

import contextlib
from typing import Any

from sandbox.kube.controllers.work import Key
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS, PERSISTENTVOLUMES
from sandbox.velero import checking
from sandbox.velero.artefacts import Artefacts, unpacked
from sandbox.velero.backing import RunFailed
from sandbox.velero.backups import Spawn, phase_of
from sandbox.velero.definitions import BACKUPS, RESTORES
from sandbox.velero.journal import Journal
from sandbox.velero.objectstore import StoreError
from sandbox.velero.restoring import Restoring, Run
from sandbox.velero.site import NAMESPACE, Site

Json = dict[str, Any]

FINALIZER = "restores.velero.io/external-resources-finalizer"


class Restores:
    """Moves each Restore on; one at a time, in the order they were asked for."""

    def __init__(self, site: Site, spawn: Spawn) -> None:
        self._site, self._spawn = site, spawn
        self._busy: set[str] = set()

    def reconcile(self, key: Key) -> None:
        """Look at one Restore."""
        name = key[1]
        restore = self._site.peek(RESTORES, name)
        if restore is None:
            self._next()
            return
        if "deletionTimestamp" in restore["metadata"]:
            self._remove(restore)
            return
        if FINALIZER not in (restore["metadata"].get("finalizers") or ()):
            self._site.patch(
                RESTORES,
                name,
                lambda o: o["metadata"].setdefault("finalizers", []).append(FINALIZER),
            )
            return
        if phase_of(restore) in ("", "New"):
            self._next()
        elif phase_of(restore).startswith("Finalizing") and not self._busy:
            self._end(name)

    def recover(self) -> None:
        """After a start: what was in progress is lost."""
        self._busy.clear()
        for restore in self._site.store.list(RESTORES, NAMESPACE):
            if phase_of(restore) == "InProgress":
                why = 'found a restore with status "InProgress" during the server starting, '
                self._fail(restore["metadata"]["name"], f'{why}mark it as "Failed"')

    def _next(self) -> None:
        if self._busy:
            return
        waiting = [r for r in self._site.store.scan(RESTORES, NAMESPACE)
                   if phase_of(r) in ("", "New") and r["metadata"].get("finalizers")]  # fmt: skip
        if waiting:
            first = min(waiting, key=lambda r: int(r["metadata"]["resourceVersion"]))
            self._begin(first["metadata"]["name"])

    # -- validation --------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        rules: list[Json] = []

        def prepare(obj: Json) -> None:
            found = checking.problems(self._site, obj, rules)
            spec = obj["spec"]
            spec.setdefault("itemOperationTimeout", "4h0m0s")
            status = obj.setdefault("status", {})
            if found:
                status.update(phase="FailedValidation", validationErrors=found)
            else:
                status.update(phase="InProgress", startTimestamp=self._site.stamp())

        begun = self._site.patch(RESTORES, name, prepare)
        if begun is not None and phase_of(begun) == "InProgress":
            self._busy.add(name)
            self._spawn(self._run(begun, rules))
        else:
            self._next()

    # -- the run -----------------------------------------------------------------------------

    async def _run(self, restore: Json, rules: list[Json]) -> None:
        site, name = self._site, restore["metadata"]["name"]
        run: Run | None = None
        try:
            await site.pause(site.tempo.step)
            run = self._opened(restore, rules)
            await Restoring(run).take()
            if site.faults.restore_fails:
                raise RunFailed("a fault was asked for")
            if site.faults.restore_warns:
                run.journal.warnings.velero.append("a fault was asked for")
            self._close(run)
            await site.pause(site.tempo.step)
            await self._finalize(run)
        except (RunFailed, StoreError) as error:
            self._fail(name, f"restore execution failed: {error}")
        finally:
            if run is not None:
                run.cancel()
            self._busy.discard(name)
        self._next()

    def _artefacts(self, backup: str) -> Artefacts:
        found = self._site.peek(BACKUPS, backup)
        location = self._site.location(found["spec"]["storageLocation"]) if found else None
        if location is None:
            raise RunFailed("error downloading backup: the backup is gone")
        return self._site.artefacts(location)

    def _opened(self, restore: Json, rules: list[Json]) -> Run:
        site, backup = self._site, restore["spec"]["backupName"]
        artefacts = self._artefacts(backup)
        try:
            content = artefacts.get("BackupContents", backup)
        except StoreError as error:
            raise RunFailed(f"error downloading backup: {error}") from error
        if content is None:
            raise RunFailed("error downloading backup: key not found")
        infos = artefacts.json("BackupVolumeInfos", backup) or []
        return Run(
            site,
            restore,
            artefacts,
            Journal(site.store.clock, f"restore=velero/{restore['metadata']['name']}"),
            unpacked(content),
            artefacts.json("PodVolumeBackups", backup) or [],
            {info["pvName"]: info.get("backupMethod", "") for info in infos if "pvName" in info},
            rules,
        )

    def _close(self, run: Run) -> None:
        """Store what the run says, and leave the Restore to be finalized."""
        name, journal = run.name, run.journal
        for level, result in (("warning", journal.warnings), ("error", journal.errors)):
            for text in result.velero:
                journal.tell(level, f"Velero restore {level}: {text}")  # type: ignore[arg-type]
            for text in result.cluster:
                journal.tell(level, f"Cluster resource restore {level}: {text}")  # type: ignore[arg-type]
            for home, texts in result.namespaces.items():
                for text in texts:
                    journal.tell(level, f"Namespace {home}, resource restore {level}: {text}")  # type: ignore[arg-type]
        journal.info("restore completed")
        listed: dict[str, list[str]] = {}
        for (kind, home, obj), action in run.done.items():
            named = f"{home}/{obj}" if home else obj
            listed.setdefault(kind, []).append(f"{named}({action})")
        for kind, value in (
            ("RestoreLog", journal.text()),
            ("RestoreResults", journal.results()),
            ("RestoreResourceList", {kind: sorted(names) for kind, names in listed.items()}),
            ("RestoreItemOperations", []),
            ("RestoreVolumeInfo", []),
        ):
            run.artefacts.put(kind, name, value)
        self._count(run, "FinalizingPartiallyFailed" if journal.errors.count else "Finalizing")

    def _count(self, run: Run, phase: str, **more: Any) -> None:
        numbers = {"warnings": run.journal.warnings.count, "errors": run.journal.errors.count}
        status = {"phase": phase, **{n: count for n, count in numbers.items() if count}, **more}
        self._site.patch(RESTORES, run.name, lambda o: o["status"].update(status))

    async def _finalize(self, run: Run) -> None:
        """Wait for hooks, give new volumes their old policy, and end."""
        failed = 0
        for task in run.hooked:
            home, why = await task
            if why:
                failed += 1
                run.fail(home, why)
        counts = {"hooksAttempted": len(run.hooked), "hooksFailed": failed}
        self._give_policies(run)
        run.artefacts.put("RestoreResults", run.name, run.journal.results())
        self._count(
            run,
            "PartiallyFailed" if run.journal.errors.count else "Completed",
            hookStatus={n: count for n, count in counts.items() if count},
            completionTimestamp=self._site.stamp(),
        )

    def _give_policies(self, run: Run) -> None:
        store, mapping = self._site.store, run.spec.get("namespaceMapping") or {}
        infos = run.artefacts.json("BackupVolumeInfos", run.spec["backupName"]) or []
        for info in infos:
            policy = (info.get("pvInfo") or {}).get("reclaimPolicy")
            home = mapping.get(info.get("pvcNamespace"), info.get("pvcNamespace", ""))
            entry = ("v1/PersistentVolumeClaim", home, info.get("pvcName", ""))
            if info.get("backupMethod") != "PodVolumeBackup" or run.done.get(entry) != "created":
                continue
            claim = store.peek(PERSISTENTVOLUMECLAIMS, home, info["pvcName"])
            name = (claim or {"spec": {}})["spec"].get("volumeName")
            volume = store.find(PERSISTENTVOLUMES, None, name) if name else None
            if volume is not None and policy:
                volume["spec"]["persistentVolumeReclaimPolicy"] = policy
                store.update(PERSISTENTVOLUMES, volume)

    def _end(self, name: str) -> None:
        """End what was being finalized when the server went away."""

        def done(obj: Json) -> None:
            whole = phase_of(obj) == "Finalizing"
            obj["status"]["phase"] = "Completed" if whole else "PartiallyFailed"
            obj["status"]["completionTimestamp"] = self._site.stamp()

        self._site.patch(RESTORES, name, done)

    def _fail(self, name: str, why: str) -> None:
        status = {
            "phase": "Failed", "failureReason": why, "completionTimestamp": self._site.stamp(),
        }  # fmt: skip
        self._site.patch(RESTORES, name, lambda o: o["status"].update(status))

    def _remove(self, restore: Json) -> None:
        """Remove what a deleted Restore left in the store, then let it go."""
        name = restore["metadata"]["name"]
        with contextlib.suppress(RunFailed):  # no backup: nothing is known to be there
            self._artefacts(restore["spec"].get("backupName") or "").delete("restores", name)

        def release(obj: Json) -> None:
            kept = obj["metadata"].get("finalizers") or []
            obj["metadata"]["finalizers"] = [mark for mark in kept if mark != FINALIZER]

        self._site.patch(RESTORES, name, release)
