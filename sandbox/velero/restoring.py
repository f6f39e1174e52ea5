"""One restore run: what is in the backup, in the right order, into the cluster.

Follows ``pkg/restore/restore.go`` of velero v1.18.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.resources import NAMESPACES
from sandbox.velero.artefacts import Artefacts, Item
from sandbox.velero.definitions import RESTORES
from sandbox.velero.journal import Journal
from sandbox.velero.mending import completed, mended, reset
from sandbox.velero.placing import Place
from sandbox.velero.selecting import Filter, label_test, resources_filter
from sandbox.velero.site import Site

Json = dict[str, Any]
Entry = tuple[str, str, str]
"""(``apps/v1/Deployment``, namespace, name)"""

TERMINATING = 600.0
FIRST = (
    "customresourcedefinitions.apiextensions.k8s.io", "namespaces",
    "storageclasses.storage.k8s.io", "datauploads.velero.io", "persistentvolumes",
    "persistentvolumeclaims", "clusterroles.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io", "serviceaccounts",
    "clusterrolebindings.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
    "secrets", "configmaps", "limitranges", "priorityclasses.scheduling.k8s.io", "pods",
    "replicasets.apps", "endpoints", "services",
)  # fmt: skip
NEVER = (
    "nodes", "events", "events.events.k8s.io", "backups.velero.io", "restores.velero.io",
    "resticrepositories.velero.io", "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io", "backuprepositories.velero.io",
)  # fmt: skip


@dataclass(slots=True)
class Run:
    """What one restore has done so far.

    Attributes:
        items: What the backup holds.
        copies: The backup's PodVolumeBackups.
        methods: How each PersistentVolume was saved.
        modifiers: Rules that change objects on the way.
        done: What became of each object.
        provision: PersistentVolumes that are made anew, not restored.
        filling: Volumes on their way back; each ends with what went wrong.
        hooked: Hooks on their way; namespace and what went wrong.
    """

    site: Site
    restore: Json
    artefacts: Artefacts
    journal: Journal
    items: Mapping[Item, Json]
    copies: list[Json]
    methods: Mapping[str, str]
    modifiers: list[Json]
    done: dict[Entry, str] = field(default_factory=dict)
    provision: set[str] = field(default_factory=set)
    filling: list[asyncio.Task[list[str]]] = field(default_factory=list)
    hooked: list[asyncio.Task[tuple[str, str]]] = field(default_factory=list)

    @property
    def spec(self) -> Json:
        """What was asked for."""
        spec: Json = self.restore["spec"]
        return spec

    @property
    def name(self) -> str:
        """The Restore's name."""
        return str(self.restore["metadata"]["name"])

    def warn(self, namespace: str, text: str) -> None:
        """Count a warning."""
        self.journal.warnings.add(namespace, text)

    def fail(self, namespace: str, text: str) -> None:
        """Count an error."""
        self.journal.errors.add(namespace, text)

    def later(self, work: Coroutine[Any, Any, list[str]]) -> None:
        """Fill a volume while the run goes on."""
        self.filling.append(asyncio.create_task(work))

    def cancel(self) -> None:
        """End what still goes on."""
        for task in (*self.filling, *self.hooked):
            task.cancel()


class Restoring:
    """Goes through the backup and restores what the filters name."""

    def __init__(self, run: Run) -> None:
        self._run = run
        spec, registry = run.spec, run.site.store.registry
        self._kinds = resources_filter(
            registry, spec.get("includedResources"), spec.get("excludedResources")
        )
        self._homes = Filter(
            tuple(spec.get("includedNamespaces") or ()), tuple(spec.get("excludedNamespaces") or ())
        )
        self._labelled = label_test(spec)
        self._mapping: dict[str, str] = spec.get("namespaceMapping") or {}
        self._place = Place(run)
        self._broken = not run.site.faults.restore_partial

    async def take(self) -> None:
        """Restore everything, and wait until volumes are filled."""
        run = self._run
        if not run.items:
            run.journal.warnings.velero.append("zero items to be restored")
        chosen = list(self._chosen())
        total = len(chosen)
        for number, item in enumerate(chosen):
            await run.site.faults.moving()
            await self._one(item, run.items[item], outermost=True)
            self._progress(len(run.done) + total - number - 1, len(run.done))
            await run.site.pause(run.site.tempo.item)
        self._progress(len(run.done), len(run.done))
        for task in run.filling:
            run.journal.errors.velero.extend(await task)

    def _progress(self, total: int, done: int) -> None:
        progress = {"totalItems": total, "itemsRestored": done}
        shown = {name: number for name, number in progress.items() if number}
        self._run.site.patch(RESTORES, self._run.name, lambda o: o["status"].update(progress=shown))

    def _chosen(self) -> Iterator[Item]:
        """The items that the filters name, in Velero's order."""
        run = self._run
        kinds = {item[0] for item in run.items}
        rest = sorted(kinds - set(FIRST))
        everywhere = run.spec.get("includeClusterResources")
        for kind in (*(k for k in FIRST if k in kinds), *rest):
            if not self._kinds.takes(kind):
                continue
            for item in sorted(i for i in run.items if i[0] == kind):
                outside = not item[1]
                if outside and (
                    everywhere is False or (everywhere is None and not self._homes.everything)
                ):
                    continue
                if not outside and not self._homes.takes(item[1]):
                    continue
                if self._labelled(run.items[item]):
                    yield item

    def target(self, namespace: str) -> str:
        """Where a namespace's objects go."""
        return self._mapping.get(namespace, namespace)

    async def _one(self, item: Item, saved: Json, *, outermost: bool = False) -> None:
        """Restore one object, and before it what it needs."""
        run, (kind, home, name) = self._run, item
        if kind == "namespaces":
            await self._ensure(name)
            return
        if not outermost and not self._admits(kind, home):
            return
        if home and not await self._ensure(home):
            return
        if completed(kind, saved):
            run.journal.info(f"{home}/{name} is complete - skipping")
            return
        target = self.target(home)
        entry = (f"{saved['apiVersion']}/{saved['kind']}", target, name)
        if entry in run.done:
            return
        run.done[entry] = ""
        before = run.journal.warnings.count + run.journal.errors.count
        action = await self._restore(item, saved, target)
        clean = run.journal.warnings.count + run.journal.errors.count == before
        run.done[entry] = action or ("skipped" if clean else "failed")

    def _admits(self, kind: str, home: str) -> bool:
        if not self._kinds.takes(kind):
            return False
        if home:
            return self._homes.takes(home)
        return self._run.spec.get("includeClusterResources") is not False

    async def _restore(self, item: Item, saved: Json, target: str) -> str:
        run, (kind, _, name) = self._run, item
        notes = saved["metadata"].get("annotations") or {}
        if kind == "pods" and notes.get("kubernetes.io/config.mirror"):
            return ""
        if kind == "persistentvolumes" and self._made_anew(saved):
            run.provision.add(name)
            return ""
        obj = mended(kind, reset(saved), run.restore)
        if obj is None:
            return ""
        for needed in _needs(kind, saved):
            if needed in run.items:
                await self._one(needed, run.items[needed])
            else:
                path = f"/tmp/resources/{needed[0]}/namespaces/{needed[1]}/{needed[2]}.json"  # noqa: S108
                run.warn(needed[1], f"stat {path}: no such file or directory")
        if not self._broken:
            self._broken = True
            what = "/".join(part for part in (kind, target, name) if part)
            run.fail(target, f"error restoring {what}: a fault was asked for")
            return "failed"
        return self._place.put(kind, obj, saved, target)

    def _made_anew(self, volume: Json) -> bool:
        copied = self._run.methods.get(volume["metadata"]["name"]) == "PodVolumeBackup"
        return copied or volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"

    async def _ensure(self, home: str) -> bool:
        """Make sure that the namespace for a home's objects is there."""
        run, name = self._run, self.target(home)
        store = run.site.store

        def settled() -> bool:
            found = store.peek(NAMESPACES, None, name)
            return found is None or "deletionTimestamp" not in found["metadata"]

        if not settled() and not await run.site.until(settled, TERMINATING):
            run.journal.errors.velero.append(
                f"timed out waiting for terminating namespace {name} to disappear before restoring"
            )
            return False
        if store.peek(NAMESPACES, None, name) is not None:
            return True
        saved = run.items.get(("namespaces", "", home))
        fresh = reset(saved) if saved is not None else {"metadata": {}}
        fresh["metadata"]["name"] = name
        (fresh["metadata"].get("labels") or {}).pop("kubernetes.io/metadata.name", None)
        store.create(NAMESPACES, fresh)
        run.done["v1/Namespace", "", name] = "created"
        return True


def _needs(kind: str, saved: Json) -> Iterator[Item]:
    """What has to be there before an object."""
    spec, namespace = saved.get("spec") or {}, saved["metadata"].get("namespace", "")
    if kind == "pods":
        if spec.get("priorityClassName"):
            yield "priorityclasses.scheduling.k8s.io", "", spec["priorityClassName"]
        for volume in spec.get("volumes") or ():
            if volume.get("persistentVolumeClaim"):
                claim = volume["persistentVolumeClaim"]["claimName"]
                yield "persistentvolumeclaims", namespace, claim
    if kind == "persistentvolumeclaims":
        bound = (saved.get("status") or {}).get("phase") == "Bound"
        if bound and spec.get("volumeName"):
            yield "persistentvolumes", "", spec["volumeName"]
