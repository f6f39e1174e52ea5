"""One object into the cluster: made, left alone because it exists, or brought up to date."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sandbox.kube.errors import ApiError
from sandbox.kube.jsonutil import thaw
from sandbox.kube.patch.merge import merge_patch
from sandbox.kube.resources import (
    PODS,
    SERVICEACCOUNTS,
    Resource,
)
from sandbox.kube.validation import validate_create, validate_update
from sandbox.velero import hooks, modifiers, refilling
from sandbox.velero.mending import (
    difference,
    marked,
    merged_account,
    reset,
    unbound,
    unmarked,
    with_waiter,
)

if TYPE_CHECKING:
    from sandbox.velero.restoring import Run

Json = dict[str, Any]

_NO_SUCH_KIND = "the server could not find the requested resource"


class Place:
    """Puts objects of one run into the cluster; returns what it did to each."""

    def __init__(self, run: Run) -> None:
        self._run, self._site, self._store = run, run.site, run.site.store

    def put(self, kind: str, obj: Json, saved: Json, target: str) -> str:
        """Put one object.

        Args:
            kind: Its resource, such as ``deployments.apps``.
            obj: As it is to be made.
            saved: As it was saved.
            target: The namespace it goes to; empty for none.
        """
        run = self._run
        copies = refilling.copies_of(run.copies, saved) if kind == "pods" else {}
        if copies:
            with_waiter(obj, copies, run.restore)
        obj = self._prepared(kind, obj, target)
        resource = self._resource(kind, obj)
        what = "/".join(part for part in (kind, target, obj["metadata"]["name"]) if part)
        if resource is None:
            run.fail(target, f"error restoring {what}: {_NO_SUCH_KIND}")
            return ""
        there = self._store.find(resource, target or None, obj["metadata"]["name"])
        if there is not None:
            return self._existing(resource, obj, there, target)
        try:
            made = self._create(resource, obj)
        except ApiError as error:
            run.fail(target, f"error restoring {what}: {error.message}")
            return ""
        if resource is PODS:
            self._pod(made, saved, copies)
        return "created"

    def _prepared(self, kind: str, obj: Json, target: str) -> Json:
        """Unbind, change as asked for, move and mark."""
        run = self._run
        if kind == "persistentvolumeclaims" and obj["spec"].get("volumeName"):
            unbound(obj)
            if obj["spec"]["volumeName"] in run.provision:
                del obj["spec"]["volumeName"]
        elif kind == "persistentvolumes":
            self._retained(obj)
        obj, problems = modifiers.apply(run.modifiers, kind, obj)
        for text in problems:
            run.fail(target, text)
        if target:
            obj["metadata"]["namespace"] = target
        marked(obj, run.spec["backupName"], run.name)
        return obj

    def _resource(self, kind: str, obj: Json) -> Resource | None:
        for resource in self._store.registry:
            if resource.qualified == kind and not resource.alias_of:
                return resource
        return self._store.registry.by_kind(obj["apiVersion"], obj["kind"])

    def _create(self, resource: Resource, obj: Json) -> Json:
        candidate = self._store.create(resource, obj, dry_run=True)
        validate_create(resource, candidate)
        return self._store.create(resource, candidate)

    def _retained(self, volume: Json) -> None:
        """A volume that is kept is offered to its claim again."""
        ref = volume["spec"].get("claimRef") or {}
        mapping = self._run.spec.get("namespaceMapping") or {}
        if ref.get("namespace") in mapping:
            ref["namespace"] = mapping[ref["namespace"]]
        unbound(volume)

    def _pod(self, pod: Json, saved: Json, copies: dict[str, str]) -> None:
        run, site = self._run, self._site
        if copies:
            requests = refilling.request(site, run.restore, pod, saved, copies)
            run.later(refilling.fill(site, pod, requests, copies, run.artefacts))
        hook = hooks.restore_hook(pod)
        if hook is not None:

            async def work() -> tuple[str, str]:
                return pod["metadata"]["namespace"], await refilling.run_hook(site, pod, hook)

            run.hooked.append(asyncio.create_task(work()))

    # -- what exists -------------------------------------------------------------------------

    def _existing(self, resource: Resource, obj: Json, there: Json, target: str) -> str:
        run = self._run
        cluster = reset(there)
        marked(cluster, run.spec["backupName"], run.name)
        update = run.spec.get("existingResourcePolicy") == "update"
        if cluster == obj:
            if update:
                self._patch(resource, there, difference(unmarked(cluster), obj), target)
            return ""
        if resource is SERVICEACCOUNTS:
            patch = difference(cluster, merged_account(cluster, obj))
            if not patch:
                return ""
            return "updated" if self._patch(resource, there, patch, target) else ""
        if update:
            return self._update(resource, obj, there, target)
        name, kind = obj["metadata"]["name"], obj["kind"]
        named = f'{kind} "{name}"' if run.spec.get("existingResourcePolicy") else f"{kind}:{name}"
        run.warn(
            target,
            f"could not restore, {named} already exists. Warning: the in-cluster version is "
            "different than the backed-up version",
        )
        return ""

    def _update(self, resource: Resource, obj: Json, there: Json, target: str) -> str:
        plain = unmarked(reset(there))
        if self._patch(resource, there, difference(plain, obj), target):
            return "updated"
        labelled = thaw(plain)
        marked(labelled, self._run.spec["backupName"], self._run.name)
        self._patch(resource, there, difference(plain, labelled), target)
        return ""

    def _patch(self, resource: Resource, there: Json, patch: Json, target: str) -> bool:
        """Change an object that exists; a refusal is a warning."""
        if not patch:
            return True
        try:
            merged = merge_patch(there, patch)
            candidate = self._store.update(resource, merged, dry_run=True)
            validate_update(resource, candidate, there)
            self._store.update(resource, candidate)
        except ApiError as error:
            self._run.warn(target, error.message)
            return False
        return True
