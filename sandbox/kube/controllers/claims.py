"""The volume claims of StatefulSets: one per template and pod, kept or removed as they say."""

from __future__ import annotations

from sandbox.kube.controllers.base import Context
from sandbox.kube.controllers.meta import Json, deleting, labels, uid
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS

SOURCE = "statefulset-controller"


def ensure(ctx: Context, sts: Json, number: int) -> list[Json]:
    """Make the claims of one pod where they are missing, and return its volumes for them."""
    volumes = []
    meta = sts["metadata"]
    for template in sts["spec"].get("volumeClaimTemplates") or ():
        name = f"{template['metadata']['name']}-{meta['name']}-{number}"
        volumes.append(
            {"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}
        )
        if ctx.store.peek(PERSISTENTVOLUMECLAIMS, meta["namespace"], name) is not None:
            continue
        selected = (sts["spec"]["selector"].get("matchLabels")) or {}
        ctx.store.create(
            PERSISTENTVOLUMECLAIMS,
            {
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": {**labels(template), **selected},
                    "annotations": template["metadata"].get("annotations") or {},
                },
                "spec": template["spec"],
            },
        )
        pod = f"{meta['name']}-{number}"
        ctx.events.normal(
            sts,
            "SuccessfulCreate",
            f"create Claim {name} Pod {pod} in StatefulSet {meta['name']} success",
            source=SOURCE,
        )
    return volumes


def own(ctx: Context, sts: Json) -> None:
    """Let the set own its claims if they are to go with it, and disown them if not."""
    policy = sts["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    wanted = policy.get("whenDeleted") == "Delete"
    first = int((sts["spec"].get("ordinals") or {}).get("start", 0))
    end = first + int(sts["spec"].get("replicas", 1))
    for claim in _claims(ctx, sts):
        number = int(claim["metadata"]["name"].rpartition("-")[2])
        if policy.get("whenScaled") == "Delete" and not first <= number < end:
            continue  # it goes with its pod
        refs = claim["metadata"].get("ownerReferences") or []
        rest = [ref for ref in refs if ref["uid"] != uid(sts)]
        mine = {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "name": sts["metadata"]["name"],
            "uid": uid(sts),
        }
        goal = [*rest, mine] if wanted else rest
        if goal != refs:
            _give(ctx, claim, goal)


def release(ctx: Context, sts: Json, pod: Json) -> None:
    """Tie the claims of a pod that is scaled away to it, if the policy removes them then."""
    policy = sts["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    if policy.get("whenScaled") != "Delete":
        return
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        claim = name and ctx.store.peek(PERSISTENTVOLUMECLAIMS, pod["metadata"]["namespace"], name)
        if claim:
            ref = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": pod["metadata"]["name"],
                "uid": uid(pod),
            }
            _give(ctx, claim, [ref])


def _give(ctx: Context, claim: Json, refs: list[Json]) -> None:
    ctx.edit(
        PERSISTENTVOLUMECLAIMS,
        claim,
        lambda copy: copy["metadata"].__setitem__("ownerReferences", refs),
    )


def _claims(ctx: Context, sts: Json) -> list[Json]:
    meta = sts["metadata"]
    prefixes = tuple(
        f"{template['metadata']['name']}-{meta['name']}-"
        for template in sts["spec"].get("volumeClaimTemplates") or ()
    )
    return [
        claim
        for claim in ctx.store.scan(PERSISTENTVOLUMECLAIMS, meta["namespace"])
        if prefixes
        and claim["metadata"]["name"].startswith(prefixes)
        and claim["metadata"]["name"].rpartition("-")[2].isdigit()
        and not deleting(claim)
    ]


def users(ctx: Context, claim: Json) -> list[Json]:
    """Return the pods that mount a claim."""
    name = claim["metadata"]["name"]
    return [
        pod
        for pod in ctx.index.pods_in(claim["metadata"]["namespace"])
        if any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == name
            for volume in pod["spec"].get("volumes") or ()
        )
    ]
