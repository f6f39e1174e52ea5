"""Volumes: claims get dynamic volumes of their class, and give them back."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers import claims
from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.meta import Json, deleting, key_of, notes_of, quantity, uid
from sandbox.kube.controllers.scheduler import SELECTED_NODE
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import (
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    STORAGECLASSES,
    Resource,
)

SOURCE = "persistentvolume-controller"
PROVISIONER = "csi.practice.local"
CLASS = "standard"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_PROTECTED = "kubernetes.io/pvc-protection"
_PV_PROTECTED = "kubernetes.io/pv-protection"


def default_class() -> Json:
    """Return the StorageClass of a new cluster: any node, made when a pod needs it."""
    return {
        "metadata": {"name": CLASS, "annotations": {_DEFAULT: "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


class Volumes(Controller):
    """Binds claims, protects them while pods use them, and removes what they leave."""

    name = "volumes"
    level = 1

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._asked: dict[Key, float] = {}

    def watches(self) -> Mapping[Resource, Handler]:
        """Claims, volumes, classes, and pods that stop using claims."""
        return {
            PERSISTENTVOLUMECLAIMS: self._claim_changed,
            PERSISTENTVOLUMES: self._volume_changed,
            STORAGECLASSES: self._class_changed,
            PODS: self._pod_changed,
        }

    def _claim_changed(self, event: Event) -> None:
        self.enqueue(event)
        if event.type == "DELETED":
            self._reclaim(event.object)

    def _volume_changed(self, event: Event) -> None:
        ref = event.object["spec"].get("claimRef")
        if ref:
            self.ctx.work.add(self.name, (ref["namespace"], ref["name"]))
        elif event.type == "ADDED":
            self._class_changed(event)

    def _class_changed(self, _event: Event) -> None:
        for claim in self.ctx.store.scan(PERSISTENTVOLUMECLAIMS):
            if claim["status"].get("phase") != "Bound":
                self.ctx.work.add(self.name, key_of(claim))

    def _pod_changed(self, event: Event) -> None:
        if event.type != "DELETED":
            return
        for volume in event.object["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name:
                self.ctx.work.add(self.name, (event.object["metadata"]["namespace"], name))

    def reconcile(self, key: Key) -> None:
        """Bind a claim, resize it, or let it go."""
        claim = self.ctx.store.peek(PERSISTENTVOLUMECLAIMS, *key)
        if claim is None:
            return
        if deleting(claim):
            if not claims.users(self.ctx, claim):
                self.ctx.edit(PERSISTENTVOLUMECLAIMS, claim, _unprotect)
            return
        claim = self._prepare(claim)
        if claim["status"].get("phase") == "Bound":
            self._check_bound(claim)
        elif claim["spec"].get("volumeName"):
            self._bind(claim, claim["spec"]["volumeName"])
        else:
            self._provide(key, claim)

    def _prepare(self, claim: Json) -> Json:
        """Add protection, and the default class where none is named."""
        default = next(
            (c for c in self.ctx.store.scan(STORAGECLASSES) if notes_of(c).get(_DEFAULT) == "true"),
            None,
        )

        def change(copy: Json) -> None:
            kept = copy["metadata"].setdefault("finalizers", [])
            if _PROTECTED not in kept:
                kept.append(_PROTECTED)
            if default is not None and copy["spec"].get("storageClassName") is None:
                copy["spec"]["storageClassName"] = default["metadata"]["name"]

        return self.ctx.edit(PERSISTENTVOLUMECLAIMS, claim, change) or claim

    def _provide(self, key: Key, claim: Json) -> None:
        name = claim["spec"].get("storageClassName")
        ready = self._matching_volume(claim)
        if ready is not None:
            self._bind(claim, ready["metadata"]["name"])
            return
        kind = self.ctx.store.peek(STORAGECLASSES, None, name) if name else None
        if kind is None:
            text = (
                f'storageclass.storage.k8s.io "{name}" not found'
                if name
                else "no persistent volumes available for this claim and no storage class is set"
            )
            reason = "ProvisioningFailed" if name else "FailedBinding"
            self.ctx.events.warning(claim, reason, text, source=SOURCE)
            return
        waits = kind.get("volumeBindingMode") == "WaitForFirstConsumer"
        if waits and SELECTED_NODE not in notes_of(claim):
            self.ctx.events.normal(
                claim,
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding",
                source=SOURCE,
            )
            return
        now = self.ctx.now().timestamp()
        due = self._asked.setdefault(key, now + self.ctx.pace.bind)
        if now < due:
            self.again(key, due - now)
            return
        del self._asked[key]
        self._provision(claim, kind)

    def _matching_volume(self, claim: Json) -> Json | None:
        wanted = quantity(claim["spec"]["resources"]["requests"]["storage"])
        for volume in self.ctx.store.scan(PERSISTENTVOLUMES):
            spec = volume["spec"]
            if (
                not spec.get("claimRef")
                and volume["status"].get("phase") == "Available"
                and spec.get("storageClassName", "")
                == (claim["spec"].get("storageClassName") or "")
                and quantity(spec["capacity"]["storage"]) >= wanted
            ):
                return volume
        return None

    def _provision(self, claim: Json, kind: Json) -> None:
        name = f"pvc-{uid(claim)}"
        if self.ctx.store.peek(PERSISTENTVOLUMES, None, name) is None:
            self.ctx.store.create(
                PERSISTENTVOLUMES,
                {
                    "metadata": {
                        "name": name,
                        "annotations": {"pv.kubernetes.io/provisioned-by": kind["provisioner"]},
                        "finalizers": [_PV_PROTECTED],
                    },
                    "spec": {
                        "accessModes": claim["spec"].get("accessModes", ["ReadWriteOnce"]),
                        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
                        "claimRef": _claim_ref(claim),
                        "csi": {"driver": kind["provisioner"], "volumeHandle": name},
                        "persistentVolumeReclaimPolicy": kind.get("reclaimPolicy", "Delete"),
                        "storageClassName": kind["metadata"]["name"],
                        "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
                    },
                },
            )
            self.ctx.events.normal(
                claim,
                "ProvisioningSucceeded",
                f"Successfully provisioned volume {name}",
                source=kind["provisioner"],
            )
        self._bind(claim, name)

    def _bind(self, claim: Json, name: str) -> None:
        volume = self.ctx.store.peek(PERSISTENTVOLUMES, None, name)
        if volume is None:
            self.ctx.put_status(PERSISTENTVOLUMECLAIMS, claim, {"phase": "Pending"})
            return
        ref = volume["spec"].get("claimRef")
        if ref and ref.get("uid") not in (None, uid(claim)):
            text = f'volume "{name}" already bound to a different claim.'
            self.ctx.events.warning(claim, "FailedBinding", text, source=SOURCE)
            return
        self.ctx.edit(
            PERSISTENTVOLUMES,
            volume,
            lambda copy: copy["spec"].__setitem__("claimRef", _claim_ref(claim)),
        )
        self.ctx.put_status(PERSISTENTVOLUMES, volume, {"phase": "Bound"})

        def tie(copy: Json) -> None:
            copy["spec"]["volumeName"] = name
            marks = copy["metadata"].setdefault("annotations", {})
            marks["pv.kubernetes.io/bind-completed"] = "yes"
            marks["pv.kubernetes.io/bound-by-controller"] = "yes"

        self.ctx.edit(PERSISTENTVOLUMECLAIMS, claim, tie)
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        self.ctx.put_status(PERSISTENTVOLUMECLAIMS, claim, status)

    def _check_bound(self, claim: Json) -> None:
        """Grow a volume whose claim grew; call a claim lost whose volume is gone."""
        volume = self.ctx.store.peek(PERSISTENTVOLUMES, None, claim["spec"]["volumeName"])
        if volume is None:
            self.ctx.put_status(PERSISTENTVOLUMECLAIMS, claim, {"phase": "Lost"})
            text = f"Bound claim has lost its PersistentVolume. Data on the volume is lost! Claim: {claim['metadata']['name']}"  # noqa: E501
            self.ctx.events.warning(claim, "ClaimLost", text, source=SOURCE)
            return
        asked = claim["spec"]["resources"]["requests"]["storage"]
        if quantity(asked) > quantity(volume["spec"]["capacity"]["storage"]):
            self.ctx.edit(
                PERSISTENTVOLUMES,
                volume,
                lambda copy: copy["spec"]["capacity"].__setitem__("storage", asked),
            )
            status = {**claim["status"], "capacity": {"storage": asked}}
            self.ctx.put_status(PERSISTENTVOLUMECLAIMS, claim, status)

    def _reclaim(self, claim: Json) -> None:
        name = claim["spec"].get("volumeName")
        volume = self.ctx.store.peek(PERSISTENTVOLUMES, None, name) if name else None
        if volume is None or (volume["spec"].get("claimRef") or {}).get("uid") != uid(claim):
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self.ctx.edit(PERSISTENTVOLUMES, volume, _unprotect)
            self.ctx.remove(PERSISTENTVOLUMES, volume)
        else:
            self.ctx.put_status(PERSISTENTVOLUMES, volume, {"phase": "Released"})


def _claim_ref(claim: Json) -> Json:
    meta = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
    }


def _unprotect(copy: Json) -> None:
    kept = copy["metadata"].get("finalizers") or []
    copy["metadata"]["finalizers"] = [f for f in kept if f not in (_PROTECTED, _PV_PROTECTED)]
