"""The roles that every cluster has from the start, for people and for whoever is signed in.

Source: ``bootstrappolicy/policy.go`` of Kubernetes v1.35, as its API server writes them. Left out
are the roles of the control plane's own parts, which do not come through the API here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import CLUSTERROLEBINDINGS, CLUSTERROLES
from sandbox.kube.rights.users import AUTHENTICATED, MASTERS, UNAUTHENTICATED
from sandbox.kube.store import Store

_GROUP = "rbac.authorization.k8s.io"
_READ = "get list watch"
_WRITE = "create delete deletecollection patch update"
_BOTH = "create delete deletecollection get list patch update watch"
_CORE = "-"
"""Stands for the core group in the tables below."""

_VIEW = (
    (
        _READ,
        _CORE,
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
        "replicationcontrollers replicationcontrollers/scale serviceaccounts services "
        "services/status",
    ),
    (
        _READ,
        _CORE,
        "bindings limitranges namespaces/status pods/log pods/status "
        "replicationcontrollers/status resourcequotas resourcequotas/status",
    ),
    (_READ, _CORE, "namespaces"),
    (_READ, f"{_CORE} events.k8s.io", "events"),
    (_READ, "discovery.k8s.io", "endpointslices"),
    (
        _READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale "
        "deployments/status replicasets replicasets/scale replicasets/status statefulsets "
        "statefulsets/scale statefulsets/status",
    ),
    (_READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    (_READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    (
        _READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses "
        "ingresses/status networkpolicies replicasets replicasets/scale replicasets/status "
        "replicationcontrollers/scale",
    ),
    (_READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    (_READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
    (_READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
)
_EDIT = (
    (
        _READ,
        _CORE,
        "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
    ),
    ("impersonate", _CORE, "serviceaccounts"),
    (_WRITE, _CORE, "pods pods/attach pods/exec pods/portforward pods/proxy"),
    ("create", _CORE, "pods/eviction"),
    (
        _WRITE,
        _CORE,
        "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale "
        "secrets serviceaccounts services services/proxy",
    ),
    ("create", _CORE, "serviceaccounts/token"),
    (_WRITE, f"{_CORE} events.k8s.io", "events"),
    (
        _WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets "
        "replicasets/scale statefulsets statefulsets/scale",
    ),
    (_WRITE, "autoscaling", "horizontalpodautoscalers"),
    (_WRITE, "batch", "cronjobs jobs"),
    (
        _WRITE,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies "
        "replicasets replicasets/scale replicationcontrollers/scale",
    ),
    (_WRITE, "policy", "poddisruptionbudgets"),
    (_WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    (_BOTH, "coordination.k8s.io", "leases"),
    (_WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
)
_ADMIN = (
    ("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    (_BOTH, _GROUP, "rolebindings roles"),
)
_BASIC = (
    ("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
    ("create", "authentication.k8s.io", "selfsubjectreviews"),
)
_DISCOVERY = (
    "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"
)
_PUBLIC = "/healthz /livez /readyz /version /version/"


def furnish(store: Store) -> None:
    """Write the roles and bindings that are missing."""
    for role in _roles():
        if store.peek(CLUSTERROLES, None, role["metadata"]["name"]) is None:
            store.create(CLUSTERROLES, role)
    for binding in _bindings():
        if store.peek(CLUSTERROLEBINDINGS, None, binding["metadata"]["name"]) is None:
            store.create(CLUSTERROLEBINDINGS, binding)


def _roles() -> Iterator[Json]:
    view, edit, admin = _rules(_VIEW), _rules(_EDIT), _rules(_ADMIN)
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    yield _role("cluster-admin", [everything, _paths("*", verb="*")])
    yield _role("system:discovery", [_paths(_DISCOVERY)])
    yield _role("system:basic-user", _rules(_BASIC))
    yield _role("system:public-info-viewer", [_paths(_PUBLIC)])
    yield _role("system:aggregate-to-view", view, part_of="view")
    yield _role("system:aggregate-to-edit", edit, part_of="edit")
    yield _role("system:aggregate-to-admin", admin, part_of="admin")
    yield _gathered("view", view, part_of="edit")
    yield _gathered("edit", [*edit, *view], part_of="admin")
    yield _gathered("admin", [*edit, *view, *admin])


def _bindings() -> Iterator[Json]:
    for role, *groups in (
        ("cluster-admin", MASTERS),
        ("system:discovery", AUTHENTICATED),
        ("system:basic-user", AUTHENTICATED),
        ("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
    ):
        yield {
            "metadata": _meta(role),
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _GROUP, "kind": "Group", "name": name} for name in groups],
        }


def _role(name: str, rules: list[Json], part_of: str = "") -> Json:
    return {"metadata": _meta(name, part_of), "rules": rules}


def _gathered(name: str, rules: list[Json], part_of: str = "") -> Json:
    selector = {"matchLabels": {f"{_GROUP}/aggregate-to-{name}": "true"}}
    return {**_role(name, rules, part_of), "aggregationRule": {"clusterRoleSelectors": [selector]}}


def _meta(name: str, part_of: str = "") -> Json:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    if part_of:
        labels[f"{_GROUP}/aggregate-to-{part_of}"] = "true"
    notes = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
    return {"name": name, "labels": labels, "annotations": notes}


def _rules(table: tuple[tuple[str, str, str], ...]) -> list[Json]:
    return [
        {
            "verbs": verbs.split(),
            "apiGroups": ["" if group == _CORE else group for group in groups.split()],
            "resources": resources.split(),
        }
        for verbs, groups, resources in table
    ]


def _paths(urls: str, verb: str = "get") -> Json:
    return {"verbs": [verb], "nonResourceURLs": urls.split()}
