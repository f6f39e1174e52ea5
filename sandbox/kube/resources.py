"""What the API serves: one frozen record per resource, as Kubernetes v1.35 publishes them.

Source of the facts: ``api/discovery/aggregated_v2.json`` of ``k8s.io/kubernetes`` v1.35.4.
Resources defined by a CustomResourceDefinition join a ``Registry`` while the world runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in one version.

    Attributes:
        group: API group, empty for the core group.
        version: Such as ``v1``.
        kind: Such as ``Deployment``.
        plural: Name in paths, such as ``deployments``.
        singular: Such as ``deployment``.
        namespaced: False for cluster-wide resources.
        short_names: As ``kubectl`` accepts them.
        categories: Such as ``all``.
        subresources: Names after the object's name in paths.
        verbs: What may be done; ``("create",)`` for the review kinds that are not stored.
        tracks_generation: Whether ``metadata.generation`` counts changes of the spec.
        alias_of: Store key of the resource whose objects this one shows in another form.
        custom: Defined by a CustomResourceDefinition.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    tracks_generation: bool = False
    alias_of: str = ""
    custom: bool = False

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def list_kind(self) -> str:
        """``kind`` of its lists."""
        return f"{self.kind}List"

    @property
    def qualified(self) -> str:
        """Name as error messages use it, such as ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def key(self) -> str:
        """Key of its objects in the store; versions of one resource share it."""
        return self.alias_of or self.qualified

    @property
    def stored(self) -> bool:
        """False for the review kinds, which are answered and forgotten."""
        return "get" in self.verbs


def _core(
    kind: str,
    plural: str,
    short: tuple[str, ...] = (),
    *,
    namespaced: bool = True,
    categories: tuple[str, ...] = (),
    sub: tuple[str, ...] = (),
    generation: bool = False,
) -> Resource:
    return Resource(
        "",
        "v1",
        kind,
        plural,
        kind.lower(),
        namespaced,
        short,
        categories,
        sub,
        tracks_generation=generation,
    )


def _in(
    group: str,
    kind: str,
    plural: str,
    short: tuple[str, ...] = (),
    *,
    version: str = "v1",
    namespaced: bool = True,
    categories: tuple[str, ...] = (),
    sub: tuple[str, ...] = (),
    generation: bool = False,
    alias_of: str = "",
) -> Resource:
    return Resource(
        group,
        version,
        kind,
        plural,
        kind.lower(),
        namespaced,
        short,
        categories,
        sub,
        tracks_generation=generation,
        alias_of=alias_of,
    )


def _review(group: str, kind: str, *, namespaced: bool = False) -> Resource:
    return Resource(
        group, "v1", kind, f"{kind.lower()}s", kind.lower(), namespaced, verbs=("create",)
    )


_ALL = ("all",)
_STATUS = ("status",)
_SCALE = ("scale", "status")
_POD_SUBRESOURCES = ("eviction", "exec", "log", "status")

NAMESPACES = replace(
    _core("Namespace", "namespaces", ("ns",), namespaced=False, sub=("finalize", "status")),
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
)
PODS = _core("Pod", "pods", ("po",), categories=_ALL, sub=_POD_SUBRESOURCES, generation=True)
SERVICES = _core("Service", "services", ("svc",), categories=_ALL, sub=_STATUS)
ENDPOINTS = _core("Endpoints", "endpoints", ("ep",))
CONFIGMAPS = _core("ConfigMap", "configmaps", ("cm",))
SECRETS = _core("Secret", "secrets")
SERVICEACCOUNTS = _core("ServiceAccount", "serviceaccounts", ("sa",), sub=("token",))
PERSISTENTVOLUMES = _core(
    "PersistentVolume", "persistentvolumes", ("pv",), namespaced=False, sub=_STATUS
)
PERSISTENTVOLUMECLAIMS = _core(
    "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",), sub=_STATUS
)
NODES = _core("Node", "nodes", ("no",), namespaced=False, sub=_STATUS)
EVENTS = _core("Event", "events", ("ev",))
REPLICATIONCONTROLLERS = _core(
    "ReplicationController",
    "replicationcontrollers",
    ("rc",),
    categories=_ALL,
    sub=_SCALE,
    generation=True,
)
RESOURCEQUOTAS = _core("ResourceQuota", "resourcequotas", ("quota",), sub=_STATUS)
LIMITRANGES = _core("LimitRange", "limitranges", ("limits",))
PODTEMPLATES = _core("PodTemplate", "podtemplates", generation=True)

DEPLOYMENTS = _in(
    "apps", "Deployment", "deployments", ("deploy",), categories=_ALL, sub=_SCALE, generation=True
)
REPLICASETS = _in(
    "apps", "ReplicaSet", "replicasets", ("rs",), categories=_ALL, sub=_SCALE, generation=True
)
STATEFULSETS = _in(
    "apps", "StatefulSet", "statefulsets", ("sts",), categories=_ALL, sub=_SCALE, generation=True
)
DAEMONSETS = _in(
    "apps", "DaemonSet", "daemonsets", ("ds",), categories=_ALL, sub=_STATUS, generation=True
)
CONTROLLERREVISIONS = _in("apps", "ControllerRevision", "controllerrevisions")
JOBS = _in("batch", "Job", "jobs", categories=_ALL, sub=_STATUS, generation=True)
CRONJOBS = _in(
    "batch", "CronJob", "cronjobs", ("cj",), categories=_ALL, sub=_STATUS, generation=True
)
HPAS = _in(
    "autoscaling",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    ("hpa",),
    version="v2",
    categories=_ALL,
    sub=_STATUS,
)
HPAS_V1 = _in(
    "autoscaling",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    ("hpa",),
    categories=_ALL,
    sub=_STATUS,
    alias_of="horizontalpodautoscalers.autoscaling",
)
PDBS = _in(
    "policy",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    ("pdb",),
    sub=_STATUS,
    generation=True,
)
INGRESSES = _in("networking.k8s.io", "Ingress", "ingresses", ("ing",), sub=_STATUS, generation=True)
INGRESSCLASSES = _in(
    "networking.k8s.io", "IngressClass", "ingressclasses", namespaced=False, generation=True
)
NETWORKPOLICIES = _in(
    "networking.k8s.io", "NetworkPolicy", "networkpolicies", ("netpol",), generation=True
)
_RBAC = "rbac.authorization.k8s.io"
CLUSTERROLEBINDINGS = _in(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
CLUSTERROLES = _in(_RBAC, "ClusterRole", "clusterroles", namespaced=False)
ROLEBINDINGS = _in(_RBAC, "RoleBinding", "rolebindings")
ROLES = _in(_RBAC, "Role", "roles")
STORAGECLASSES = _in("storage.k8s.io", "StorageClass", "storageclasses", ("sc",), namespaced=False)
PRIORITYCLASSES = _in(
    "scheduling.k8s.io",
    "PriorityClass",
    "priorityclasses",
    ("pc",),
    namespaced=False,
    generation=True,
)
LEASES = _in("coordination.k8s.io", "Lease", "leases")
ENDPOINTSLICES = _in("discovery.k8s.io", "EndpointSlice", "endpointslices", generation=True)
EVENTS_V1 = _in("events.k8s.io", "Event", "events", ("ev",), alias_of="events")
CRDS = _in(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    ("crd", "crds"),
    namespaced=False,
    categories=("api-extensions",),
    sub=_STATUS,
    generation=True,
)
_AUTHZ = "authorization.k8s.io"
SELF_ACCESS_REVIEWS = _review(_AUTHZ, "SelfSubjectAccessReview")
SELF_RULES_REVIEWS = _review(_AUTHZ, "SelfSubjectRulesReview")
ACCESS_REVIEWS = _review(_AUTHZ, "SubjectAccessReview")
LOCAL_ACCESS_REVIEWS = _review(_AUTHZ, "LocalSubjectAccessReview", namespaced=True)
SELF_REVIEWS = _review("authentication.k8s.io", "SelfSubjectReview")

SERVED: tuple[Resource, ...] = (
    CONFIGMAPS,
    ENDPOINTS,
    EVENTS,
    LIMITRANGES,
    NAMESPACES,
    NODES,
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    PODTEMPLATES,
    REPLICATIONCONTROLLERS,
    RESOURCEQUOTAS,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    CONTROLLERREVISIONS,
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    EVENTS_V1,
    SELF_REVIEWS,
    LOCAL_ACCESS_REVIEWS,
    SELF_ACCESS_REVIEWS,
    SELF_RULES_REVIEWS,
    ACCESS_REVIEWS,
    HPAS,
    HPAS_V1,
    CRONJOBS,
    JOBS,
    INGRESSCLASSES,
    INGRESSES,
    NETWORKPOLICIES,
    PDBS,
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    ROLEBINDINGS,
    ROLES,
    STORAGECLASSES,
    CRDS,
    PRIORITYCLASSES,
    LEASES,
    ENDPOINTSLICES,
)
"""Everything served from the start, in the order discovery lists it."""


class Registry:
    """The resources served right now, found by path or by kind."""

    def __init__(self, resources: Iterable[Resource] = SERVED) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for resource in resources:
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._by_path.values()))

    def add(self, resource: Resource) -> None:
        """Serve a resource from now on; one of the same path is replaced."""
        self._by_path[resource.group, resource.version, resource.plural] = resource
        self._by_kind[resource.api_version, resource.kind] = resource

    def remove(self, resource: Resource) -> None:
        """Stop serving a resource; unknown ones are ignored."""
        self._by_path.pop((resource.group, resource.version, resource.plural), None)
        self._by_kind.pop((resource.api_version, resource.kind), None)

    def by_path(self, group: str, version: str, plural: str) -> Resource | None:
        """Find by the names that stand in a path."""
        return self._by_path.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """Find by what an object, an owner reference or a scale target says of itself."""
        return self._by_kind.get((api_version, kind))

    def groups(self) -> dict[str, list[str]]:
        """Map each group to its versions, both in order of preference."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return found

    def in_version(self, group: str, version: str) -> list[Resource]:
        """List the resources of one group version."""
        return [r for r in self._by_path.values() if (r.group, r.version) == (group, version)]
