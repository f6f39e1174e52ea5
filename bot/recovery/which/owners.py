"""GitOps controllers that own objects: what they hold, they put back, whatever a restore makes.

By the marks that the controllers leave: Argo CD's tracking annotation, Flux' labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.releases.words import listed

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient

Meta = Mapping[str, Any]

_ARGO = "argocd.argoproj.io/tracking-id"
_FLUX = {
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "HelmRelease": "helm.toolkit.fluxcd.io",
}
_API = {
    "Application": ("argoproj.io/v1alpha1", "applications"),
    "Kustomization": ("kustomize.toolkit.fluxcd.io/v1", "kustomizations"),
    "HelmRelease": ("helm.toolkit.fluxcd.io/v2", "helmreleases"),
}


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """A thing of a GitOps controller that keeps objects as they are in Git.

    Attributes:
        kind: `Application`, `Kustomization` or `HelmRelease`.
        namespace: Of the thing; empty when the objects do not tell.
    """

    kind: str
    name: str
    namespace: str = ""

    @property
    def words(self) -> str:
        """`Argo CD's Application parse`."""
        tool = "Argo CD" if self.kind == "Application" else "Flux"
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{tool}'s {self.kind} {place}{self.name}"

    @property
    def suspending(self) -> str:
        """How to make it leave the objects alone."""
        if self.kind == "Application":
            return f"`argocd app set {self.name} --sync-policy none`"
        kind = "helmrelease" if self.kind == "HelmRelease" else "kustomization"
        place = f" -n {self.namespace}" if self.namespace else ""
        return f"`flux suspend {kind} {self.name}{place}`"


def owners(metas: Iterable[Meta]) -> tuple[Owner, ...]:
    """The owners that the metadata of objects names. Pure."""
    found: set[Owner] = set()
    for meta in metas:
        tracked = str((meta.get("annotations") or {}).get(_ARGO) or "")
        if tracked:
            found.add(_argo(tracked.partition(":")[0]))
        labels = meta.get("labels") or {}
        for kind, head in _FLUX.items():
            if name := labels.get(f"{head}/name"):
                found.add(Owner(kind, str(name), str(labels.get(f"{head}/namespace") or "")))
    return tuple(sorted(found))


def _argo(instance: str) -> Owner:
    """Applications outside of Argo CD's own namespace are written `namespace_name`."""
    namespace, found, name = instance.partition("_")
    return Owner("Application", name, namespace) if found else Owner("Application", instance)


async def active(kube: KubeClient, found: Iterable[Owner]) -> tuple[Owner, ...]:
    """Those of these owners that are at work: there, and not suspended.

    One that may not be read counts as at work; marks of a controller that is gone do not count.
    """
    return tuple([owner for owner in found if await _works(kube, owner)])


async def _works(kube: KubeClient, owner: Owner) -> bool:
    from integrations.kubernetes.errors import Forbidden, NotFound
    from integrations.kubernetes.kinds import Kind

    api, plural = _API[owner.kind]
    kind = Kind(api, plural, owner.kind)
    try:
        listed_ = await kube.list(
            kind, owner.namespace or None, fields={"metadata.name": owner.name}
        )
    except NotFound:
        return False
    except Forbidden:
        return True
    return any(not suspended(item) for item in listed_.items)


def suspended(item: Mapping[str, Any]) -> bool:
    """Whether a controller leaves alone what this object of it holds. Pure.

    Flux: `spec.suspend`. Argo CD: no automated sync (`enabled: false` counts, since 3.1).
    """
    spec = item.get("spec") or {}
    if item.get("kind") != "Application":
        return bool(spec.get("suspend"))
    automated = (spec.get("syncPolicy") or {}).get("automated")
    return automated is None or automated.get("enabled") is False


def refuse_owned(found: Iterable[Owner], what: str) -> None:
    """Refuses to touch what a controller at work would put back.

    Raises:
        Refused: There is such a controller; the hint says how to suspend it.
    """
    names = tuple(found)
    if names:
        raise Refused(
            f"{what} belongs to {listed(owner.words for owner in names)}",
            why="it would put back what is in Git over what is restored",
            hint=f"Suspend it first: {listed(owner.suspending for owner in names)}; then ask again",
        )
