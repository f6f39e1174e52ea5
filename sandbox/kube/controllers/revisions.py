"""ControllerRevisions: the numbered templates of StatefulSets and DaemonSets."""

from __future__ import annotations

from sandbox.kube.controllers.base import Context
from sandbox.kube.controllers.meta import (
    Json,
    canonical,
    digest,
    labels,
    matches,
    owner_ref,
    uid,
)
from sandbox.kube.resources import CONTROLLERREVISIONS

HASH_LABEL = "controller-revision-hash"


def data_of(owner: Json) -> Json:
    """Return what a revision of the owner's present template holds (a strategic merge patch)."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def all_of(ctx: Context, owner: Json) -> list[Json]:
    """Return the owner's revisions, lowest number first."""
    return sorted(
        ctx.index.owned(uid(owner), CONTROLLERREVISIONS), key=lambda r: int(r.get("revision", 0))
    )


def adopt(ctx: Context, owner: Json) -> None:
    """Take matching revisions that nobody owns, as a restore leaves them."""
    for revision in ctx.index.orphans(CONTROLLERREVISIONS, owner["metadata"]["namespace"]):
        if matches(owner["spec"]["selector"], labels(revision)):
            ctx.edit(
                CONTROLLERREVISIONS,
                revision,
                lambda copy: copy["metadata"].__setitem__("ownerReferences", [owner_ref(owner)]),
            )


def ensure(ctx: Context, owner: Json) -> Json:
    """Return the revision of the owner's present template, made or moved up as needed."""
    have, data = all_of(ctx, owner), data_of(owner)
    top = int(have[-1]["revision"]) if have else 0
    text = canonical(data)
    for revision in have:
        if canonical(revision.get("data")) == text:
            if int(revision["revision"]) != top:
                moved = ctx.edit(
                    CONTROLLERREVISIONS, revision, lambda c: c.__setitem__("revision", top + 1)
                )
                return moved or revision
            return revision
    meta = owner["metadata"]
    salt, name = 0, ""
    while not name or ctx.store.peek(CONTROLLERREVISIONS, meta["namespace"], name):
        tag = digest(data, salt)
        name = f"{meta['name']}-{tag}"
        salt += 1
    own = {**labels(owner["spec"]["template"]), HASH_LABEL: tag}
    return ctx.store.create(
        CONTROLLERREVISIONS,
        {
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": own,
                "annotations": {
                    k: v
                    for k, v in (meta.get("annotations") or {}).items()
                    if k != "kubectl.kubernetes.io/last-applied-configuration"
                },
                "ownerReferences": [owner_ref(owner)],
            },
            "data": data,
            "revision": top + 1,
        },
    )


def clean(ctx: Context, owner: Json, in_use: set[str]) -> None:
    """Delete the oldest unused revisions beyond ``revisionHistoryLimit``."""
    unused = [r for r in all_of(ctx, owner) if r["metadata"]["name"] not in in_use]
    surplus = len(unused) - int(owner["spec"].get("revisionHistoryLimit", 10))
    for revision in unused[: max(0, surplus)]:
        ctx.remove(CONTROLLERREVISIONS, revision)


def template_of(revision: Json) -> Json:
    """Return the pod template a revision holds."""
    template = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template
