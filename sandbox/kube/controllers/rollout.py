"""The arithmetic of a Deployment's rollout (``pkg/controller/deployment/util``); no store here."""

from __future__ import annotations

from sandbox.kube.controllers.meta import Json, canonical, deleting, share, uid

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"


def same_template(template: Json, other: Json) -> bool:
    """Whether two pod templates are equal but for the hash label."""
    return canonical(plain(template)) == canonical(plain(other))


def plain(template: Json) -> Json:
    """Return the template without the hash label."""
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {k: v for k, v in (meta.get("labels") or {}).items() if k != HASH_LABEL}
    meta = {k: v for k, v in meta.items() if v and k != "creationTimestamp"}
    return {"metadata": meta, "spec": template["spec"]}


def find_new(deployment: Json, sets: list[Json]) -> Json | None:
    """Return the oldest ReplicaSet with the Deployment's template."""
    fitting = [
        rs
        for rs in sets
        if same_template(rs["spec"]["template"], deployment["spec"]["template"])
        and not deleting(rs)
    ]
    return min(fitting, key=_age, default=None)


def _age(rs: Json) -> tuple[str, str]:
    return rs["metadata"]["creationTimestamp"], rs["metadata"]["name"]


def by_age(sets: list[Json]) -> list[Json]:
    """Sort ReplicaSets, oldest first."""
    return sorted(sets, key=_age)


def revision(obj: Json) -> int:
    """Return the revision annotation as a number, 0 without."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def wanted(obj: Json) -> int:
    """Return ``spec.replicas``."""
    return int(obj["spec"].get("replicas", 1))


def bounds(deployment: Json) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable in pods."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    total = wanted(deployment)
    surge = share(rolling.get("maxSurge", "25%"), total, up=True)
    unavailable = share(rolling.get("maxUnavailable", "25%"), total, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, total)


def new_size(deployment: Json, new: Json, everything: list[Json]) -> int:
    """Return how many pods the new ReplicaSet may have now."""
    size, total = wanted(new), wanted(deployment)
    if size >= total or (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return total
    surge, _ = bounds(deployment)
    room = total + surge - sum(wanted(rs) for rs in everything)
    return size + max(0, min(room, total - size))


def old_sizes(deployment: Json, new: Json, old: list[Json]) -> dict[str, int]:
    """Return by uid how many pods each older ReplicaSet should keep now."""
    total = wanted(deployment)
    _, unavailable = bounds(deployment)
    everything = sum(wanted(rs) for rs in [*old, new])
    minimum = total - unavailable
    missing = wanted(new) - _available(new)
    spare = everything - minimum - missing
    sizes = {uid(rs): wanted(rs) for rs in old}
    if spare <= 0:
        return sizes
    for rs in by_age(old):  # first what does not work anyway
        sick = max(0, min(wanted(rs) - _available(rs), spare))
        sizes[uid(rs)] -= sick
        spare -= sick
    ready = sum(_available(rs) for rs in [*old, new])
    spare = ready - minimum
    for rs in by_age(old):
        if spare <= 0:
            break
        cut = min(sizes[uid(rs)], spare)
        sizes[uid(rs)] -= cut
        spare -= cut
    return sizes


def _available(rs: Json) -> int:
    return int((rs.get("status") or {}).get("availableReplicas", 0))


def is_scaling(deployment: Json, active: list[Json]) -> bool:
    """Whether only the number of replicas changed since the ReplicaSets were sized."""
    total = str(wanted(deployment))
    return any(
        (rs["metadata"].get("annotations") or {}).get(DESIRED, total) != total for rs in active
    )


def proportions(deployment: Json, active: list[Json]) -> dict[str, int]:
    """Spread a change of size over the ReplicaSets of a running rollout, by uid."""
    total = wanted(deployment)
    if len(active) == 1:
        return {uid(active[0]): total}
    surge, _ = bounds(deployment)
    have = sum(wanted(rs) for rs in active)
    allowed = total + surge if total else 0
    change = allowed - have
    ordered = sorted(active, key=lambda rs: (-wanted(rs), _age(rs)))
    sizes, left = {}, change
    for rs in ordered:
        part = round(wanted(rs) * allowed / have) - wanted(rs) if have else 0
        part = max(min(part, left), 0) if change > 0 else min(max(part, left), 0)
        sizes[uid(rs)] = wanted(rs) + part
        left -= part
    first = uid(ordered[0])
    sizes[first] = max(0, sizes[first] + left)
    return sizes
