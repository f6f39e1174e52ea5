"""Deployments: ReplicaSets for revisions, rolled over as the strategy says."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers import deployment_status, rollout
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    controller_of,
    deleting,
    digest,
    key_of,
    labels,
    matches,
    notes_of,
    owner_ref,
    pod_active,
    uid,
)
from sandbox.kube.controllers.rollout import DESIRED, HASH_LABEL, MAX, REVISION, wanted
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import DEPLOYMENTS, PODS, REPLICASETS, Resource

SOURCE = "deployment-controller"
_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    rollout.REVISION_HISTORY,
    DESIRED,
    MAX,
}


class Deployments(Controller):
    """Keeps one ReplicaSet per revision and moves pods from the old to the new one."""

    name = "deployments"
    level = 2

    def watches(self) -> Mapping[Resource, Handler]:
        """Deployments and their ReplicaSets; Recreate also waits for pods to go."""
        return {
            DEPLOYMENTS: self.enqueue,
            REPLICASETS: self._set_changed,
            PODS: self._pod_changed,
        }

    def _set_changed(self, event: Event) -> None:
        self.enqueue_owner("Deployment")(event)
        if event.type != "DELETED" and controller_of(event.object) is None:
            namespace = event.object["metadata"]["namespace"]
            for candidate in self.ctx.store.scan(DEPLOYMENTS, namespace):
                if matches(candidate["spec"]["selector"], labels(event.object)):
                    self.ctx.work.add(self.name, key_of(candidate))

    def _pod_changed(self, event: Event) -> None:
        if event.type != "DELETED":
            return
        ref = controller_of(event.object)
        if ref is not None and ref["kind"] == "ReplicaSet":
            namespace = event.object["metadata"]["namespace"]
            rs = self.ctx.store.peek(REPLICASETS, namespace, ref["name"])
            owner = controller_of(rs) if rs is not None else None
            if owner is not None:
                self.ctx.work.add(self.name, (namespace, owner["name"]))

    def reconcile(self, key: Key) -> None:
        """Take one step of the rollout and write the status."""
        deployment = self.ctx.store.peek(DEPLOYMENTS, *key)
        if deployment is None:
            return
        if not deleting(deployment):
            self._adopt(deployment)
            self._step(deployment)
            deployment = self.ctx.store.peek(DEPLOYMENTS, *key)
            if deployment is None:
                return
        sets = self._sets(deployment)
        new = rollout.find_new(deployment, sets)
        status, left = deployment_status.build(deployment, new, sets, self.ctx.now())
        self.ctx.put_status(DEPLOYMENTS, deployment, status)
        if left is not None:
            self.again(key, left)

    def _sets(self, deployment: Json) -> list[Json]:
        return rollout.by_age(self.ctx.index.owned(uid(deployment), REPLICASETS))

    def _adopt(self, deployment: Json) -> None:
        for rs in self.ctx.index.orphans(REPLICASETS, deployment["metadata"]["namespace"]):
            if not deleting(rs) and matches(deployment["spec"]["selector"], labels(rs)):
                self.ctx.edit(
                    REPLICASETS,
                    rs,
                    lambda copy: copy["metadata"].__setitem__(
                        "ownerReferences", [owner_ref(deployment)]
                    ),
                )

    def _step(self, deployment: Json) -> None:
        sets = self._sets(deployment)
        new = rollout.find_new(deployment, sets)
        active = [rs for rs in sets if wanted(rs) > 0]
        if deployment["spec"].get("paused") or rollout.is_scaling(deployment, active):
            if new is not None:
                self._mark(deployment, new, sets)
            self._spread(deployment, active or ([new] if new else []))
            return
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            old = [rs for rs in sets if new is None or uid(rs) != uid(new)]
            for rs in old:
                self._resize(deployment, rs, 0)
            if any(self._has_pods(rs) for rs in old):
                return
        if new is None:
            new = self._create_set(deployment, sets)
            sets = self._sets(deployment)
        else:
            self._mark(deployment, new, sets)
        self._roll(deployment, new)
        self._clean(deployment)

    def _has_pods(self, rs: Json) -> bool:
        return any(pod_active(pod) or deleting(pod) for pod in self.ctx.index.owned(uid(rs), PODS))

    def _roll(self, deployment: Json, new: Json) -> None:
        sets = self._sets(deployment)
        new = next(rs for rs in sets if uid(rs) == uid(new))
        before = wanted(new)
        self._resize(deployment, new, rollout.new_size(deployment, new, sets))
        sets = self._sets(deployment)
        new = next(rs for rs in sets if uid(rs) == uid(new))
        if wanted(new) != before:
            return
        old = [rs for rs in sets if uid(rs) != uid(new)]
        for rs in old:
            self._resize(deployment, rs, rollout.old_sizes(deployment, new, old)[uid(rs)])

    def _spread(self, deployment: Json, active: list[Json]) -> None:
        sizes = rollout.proportions(deployment, active) if active else {}
        for rs in active:
            self._resize(deployment, rs, sizes[uid(rs)])

    def _create_set(self, deployment: Json, sets: list[Json]) -> Json:
        meta, spec = deployment["metadata"], deployment["spec"]
        collisions = (deployment.get("status") or {}).get("collisionCount", 0)
        template = rollout.plain(spec["template"])
        name = ""
        while not name or self.ctx.store.peek(REPLICASETS, meta["namespace"], name):
            tag = digest(template, collisions)
            name = f"{meta['name']}-{tag}"
            collisions += 1
        own = {**labels(template), HASH_LABEL: tag}
        selector = dict(spec["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: tag}
        number = max((rollout.revision(rs) for rs in sets), default=0) + 1
        fresh = {
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": own,
                "annotations": {**self._copied(deployment), **self._sizes(deployment)}
                | {REVISION: str(number)},
                "ownerReferences": [owner_ref(deployment)],
            },
            "spec": {
                "replicas": 0,
                "minReadySeconds": spec.get("minReadySeconds", 0),
                "selector": selector,
                "template": {
                    **template,
                    "metadata": {**(template.get("metadata") or {}), "labels": own},
                },
            },
        }
        created = self.ctx.store.create(REPLICASETS, fresh)
        self._number(deployment, number)
        return created

    def _copied(self, deployment: Json) -> dict[str, str]:
        return {k: v for k, v in notes_of(deployment).items() if k not in _NOT_COPIED}

    def _sizes(self, deployment: Json) -> dict[str, str]:
        surge, _ = rollout.bounds(deployment)
        return {DESIRED: str(wanted(deployment)), MAX: str(wanted(deployment) + surge)}

    def _mark(self, deployment: Json, new: Json, sets: list[Json]) -> None:
        """Give the new ReplicaSet the highest revision (it moves up on a rollback)."""
        others = [rollout.revision(rs) for rs in sets if uid(rs) != uid(new)]
        number, had = max(others, default=0) + 1, rollout.revision(new)
        if number <= had:
            number = had
        notes = {**notes_of(new), **self._copied(deployment), REVISION: str(number)}
        if had and had != number:
            past = notes_of(new).get(rollout.REVISION_HISTORY)
            notes[rollout.REVISION_HISTORY] = f"{past},{had}" if past else str(had)
        minimum = deployment["spec"].get("minReadySeconds", 0)
        if notes != notes_of(new) or new["spec"].get("minReadySeconds", 0) != minimum:

            def change(copy: Json) -> None:
                copy["metadata"]["annotations"] = notes
                copy["spec"]["minReadySeconds"] = minimum

            self.ctx.edit(REPLICASETS, new, change)
        self._number(deployment, number)

    def _number(self, deployment: Json, number: int) -> None:
        if rollout.revision(deployment) != number:
            self.ctx.edit(
                DEPLOYMENTS,
                deployment,
                lambda copy: (
                    copy["metadata"]
                    .setdefault("annotations", {})
                    .__setitem__(REVISION, str(number))
                ),
            )

    def _resize(self, deployment: Json, rs: Json, size: int) -> None:
        sizes, before = self._sizes(deployment), wanted(rs)
        fits = all(notes_of(rs).get(k) == v for k, v in sizes.items())
        if before == size and (fits or not size):
            return

        def change(copy: Json) -> None:
            copy["spec"]["replicas"] = size
            copy["metadata"].setdefault("annotations", {}).update(sizes)

        self.ctx.edit(REPLICASETS, rs, change)
        if before != size:
            word = "up" if size > before else "down"
            self.ctx.events.normal(
                deployment,
                "ScalingReplicaSet",
                f"Scaled {word} replica set {rs['metadata']['name']} from {before} to {size}",
                source=SOURCE,
            )

    def _clean(self, deployment: Json) -> None:
        """Delete the oldest ReplicaSets beyond the history limit."""
        sets = self._sets(deployment)
        new = rollout.find_new(deployment, sets)
        empty = [
            rs
            for rs in sets
            if (new is None or uid(rs) != uid(new))
            and not wanted(rs)
            and not (rs.get("status") or {}).get("replicas")
            and not deleting(rs)
        ]
        surplus = len(empty) - deployment["spec"].get("revisionHistoryLimit", 10)
        for rs in sorted(empty, key=rollout.revision)[: max(0, surplus)]:
            self.ctx.remove(REPLICASETS, rs)
