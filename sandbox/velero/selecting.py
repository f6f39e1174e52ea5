"""Which objects a run takes: by namespace, kind and label, and what comes along with them.

Pure; follows ``pkg/util/collections`` and ``pkg/itemblock/actions`` of velero v1.18.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sandbox.kube.controllers.meta import matches
from sandbox.kube.resources import Registry, Resource

Json = dict[str, Any]

EXCLUDE_LABEL = "velero.io/exclude-from-backup"
_OLD = ("includedResources", "excludedResources")
_NEW = (
    "includedClusterScopedResources", "excludedClusterScopedResources",
    "includedNamespaceScopedResources", "excludedNamespaceScopedResources",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Names to take and names to leave; nothing to take means all."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.excludes and (not self.includes or self.includes == ("*",))

    def takes(self, name: str) -> bool:
        """Whether a name is taken."""
        if self.leaves(name):
            return False
        return not self.includes or _any(self.includes, name)

    def names(self, name: str) -> bool:
        """Whether a name is taken because it is listed."""
        return _any(self.includes, name)

    def leaves(self, name: str) -> bool:
        """Whether a name is left out because it is listed."""
        return _any(self.excludes, name)


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(pattern == "*" or fnmatchcase(name, pattern) for pattern in patterns)


def resolver(registry: Registry) -> Callable[[str], str]:
    """Return what turns ``po``, ``Pod`` or ``deployments.apps`` into a resource's full name."""

    def resolve(word: str) -> str:
        name, _, group = word.lower().partition(".")
        for resource in registry:
            if group and resource.group != group:
                continue
            if name in (resource.plural, resource.singular, *resource.short_names):
                return resource.qualified
        return word

    return resolve


def resources_filter(registry: Registry, includes: Any, excludes: Any) -> Filter:
    """Read lists of kinds; ``*`` stays as it is."""
    resolve = resolver(registry)
    return Filter(
        tuple(w if w == "*" else resolve(w) for w in includes or ()),
        tuple(w if w == "*" else resolve(w) for w in excludes or ()),
    )


def label_test(spec: Json) -> Callable[[Json], bool]:
    """Return the test of a spec's ``labelSelector`` or ``orLabelSelectors``."""
    one, several = spec.get("labelSelector"), spec.get("orLabelSelectors")
    selectors: Sequence[Json] = [one] if one else (several or ())

    def test(obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return not selectors or any(matches(selector, labels) for selector in selectors)

    return test


class Selection:
    """A Backup's filters, read.

    Attributes:
        namespaces: Which namespaces.
        labelled: Whether an object's labels fit.
        selective: Whether labels matter at all.
    """

    def __init__(self, spec: Json, registry: Registry) -> None:
        self.namespaces = Filter(
            tuple(spec.get("includedNamespaces") or ()),
            tuple(spec.get("excludedNamespaces") or ()),
        )
        self.labelled = label_test(spec)
        self.selective = bool(spec.get("labelSelector") or spec.get("orLabelSelectors"))
        self._old = not any(spec.get(name) for name in _NEW)
        self._cluster_wide = spec.get("includeClusterResources")
        self._kinds = resources_filter(registry, *(spec.get(name) for name in _OLD))
        self._cluster = resources_filter(registry, *(spec.get(name) for name in _NEW[:2]))
        self._inside = resources_filter(registry, *(spec.get(name) for name in _NEW[2:]))

    def takes(self, resource: Resource) -> bool:
        """Whether objects of a kind are looked for."""
        name = resource.qualified
        if not self._old:
            return self._takes_scoped(resource)
        if not resource.namespaced:
            if self._cluster_wide is False:
                return False
            subset = self._cluster_wide is None and not self.namespaces.everything
            if subset and name != "namespaces":
                return False
        return self._kinds.takes(name)

    def _takes_scoped(self, resource: Resource) -> bool:
        name = resource.qualified
        if resource.namespaced:
            return self._inside.takes(name)
        if self._cluster.leaves(name):
            return False
        plain = not self._cluster.includes and not self._cluster.excludes
        if plain and self.namespaces.everything and self._inside.everything:
            return True
        return self._cluster.names(name) or name == "namespaces"

    def leaves(self, resource: Resource) -> bool:
        """Whether a kind is left out although something else brings it along."""
        name = resource.qualified
        if not self._old:
            return (self._inside if resource.namespaced else self._cluster).leaves(name)
        if self._kinds.leaves(name):
            return True
        if resource.namespaced:
            return False
        return self._cluster_wide is False or (
            self._cluster_wide is None and not self._kinds.takes(name)
        )

    def admits(self, resource: Resource, obj: Json) -> bool:
        """Whether an object may be saved, however it was found; labels are not asked."""
        meta = obj["metadata"]
        if (meta.get("labels") or {}).get(EXCLUDE_LABEL) == "true" or "deletionTimestamp" in meta:
            return False
        namespace = meta.get("namespace")
        if namespace:
            return self.namespaces.takes(namespace) and self.takes(resource)
        return resource.qualified == "namespaces" or not self.leaves(resource)


def problems(spec: Json) -> list[str]:
    """Return what a Backup's filters contradict themselves in, in Velero's words."""
    found = []
    if any(spec.get(n) for n in _NEW) and (
        any(spec.get(n) for n in _OLD) or spec.get("includeClusterResources") is not None
    ):
        found.append(
            "include-resources, exclude-resources and include-cluster-resources are old filter "
            "parameters.\ninclude-cluster-scoped-resources, exclude-cluster-scoped-resources, "
            "include-namespace-scoped-resources and exclude-namespace-scoped-resources are new "
            "filter parameters.\nThey cannot be used together"
        )
    for includes, excludes, what in (
        ("includedResources", "excludedResources", "resource"),
        (_NEW[0], _NEW[1], "cluster-scoped resource"),
        (_NEW[2], _NEW[3], "namespace-scoped resource"),
        ("includedNamespaces", "excludedNamespaces", "namespace"),
    ):
        for text in contradictions(spec.get(includes) or (), spec.get(excludes) or ()):
            colon = "Invalid " + what.replace("resource", "included/excluded resource", 1)
            if what == "namespace":
                colon = "Invalid included/excluded namespace"
            found.append(f"{colon} lists: {text}")
    if spec.get("orLabelSelectors") is not None and spec.get("labelSelector") is not None:
        found.append(both_selectors("backup"))
    return found


def both_selectors(kind: str) -> str:
    """The refusal of a spec with both kinds of selectors."""
    return (
        f"encountered labelSelector as well as orLabelSelectors in {kind} spec, only one can be "
        "specified"
    )


def contradictions(includes: Iterable[str], excludes: Iterable[str]) -> list[str]:
    """Return what is wrong with a pair of lists."""
    taken, left = list(includes), list(excludes)
    found = []
    if len(taken) > 1 and "*" in taken:
        found.append("includes list must either contain '*' only, or a non-empty list of items")
    if "*" in left:
        found.append("excludes list cannot contain '*'")
    found += [
        f"excludes list cannot contain an item in the includes list: {name}"
        for name in left
        if name in taken
    ]
    return found
