"""Which kinds exist, and the safe way from names and selectors to request paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from integrations.kubernetes.errors import InvalidName

_SEGMENT = re.compile(r"[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?\Z", re.IGNORECASE)
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[a-z0-9A-Z]([-\w.]{0,61}[a-z0-9A-Z])?\Z", re.ASCII
)
_LABEL_VALUE = re.compile(r"([a-z0-9A-Z]([-\w.]{0,61}[a-z0-9A-Z])?)?\Z", re.ASCII)
_FIELD_PATH = re.compile(r"[a-zA-Z][\w.]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type as the API server names it."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(
        self,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
    ) -> str:
        """Build the request path; outside input is checked and percent-encoded.

        Raises:
            InvalidName: A name or namespace that Kubernetes could not have.
        """
        prefix = "/api" if "/" not in self.api_version else "/apis"
        parts = [prefix, self.api_version]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", checked_namespace(namespace)]
        elif name is not None and self.namespaced:
            raise InvalidName(f"A {self.kind} is addressed by namespace and name.")
        parts.append(self.plural)
        if name is not None:
            parts.append(checked_name(name))
        if subresource is not None:
            parts.append(quote(subresource, safe=""))
        return "/".join(parts)


def checked_name(name: str) -> str:
    """Return the encoded object name, or raise ``InvalidName``."""
    if not _SEGMENT.match(name):
        raise InvalidName(f"{name!r} is not a name that a Kubernetes object can have.")
    return quote(name, safe="")


def checked_namespace(namespace: str) -> str:
    """Return the namespace, or raise ``InvalidName``."""
    if not _NAMESPACE.match(namespace):
        raise InvalidName(f"{namespace!r} is not a name that a namespace can have.")
    return namespace


def label_selector(labels: Mapping[str, str] | None) -> str | None:
    """Turn equalities into a label selector; keys and values are checked.

    Raises:
        InvalidName: A key or value that no label can have.
    """
    if not labels:
        return None
    for key, value in labels.items():
        if not _LABEL_KEY.match(key) or not _LABEL_VALUE.match(value):
            raise InvalidName(f"{key}={value} is not a label that Kubernetes allows.")
    return ",".join(f"{key}={value}" for key, value in labels.items())


def field_selector(fields: Mapping[str, str] | None) -> str | None:
    """Turn equalities into a field selector; backslash, comma and ``=`` in values are escaped.

    Raises:
        InvalidName: A key that is no field path.
    """
    if not fields:
        return None
    for key in fields:
        if not _FIELD_PATH.match(key):
            raise InvalidName(f"{key!r} is not the path of a field.")
    return ",".join(f"{key}={_escape(value)}" for key, value in fields.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


POD = Kind("v1", "pods", "Pod")
SERVICE = Kind("v1", "services", "Service")
SECRET = Kind("v1", "secrets", "Secret")
CONFIG_MAP = Kind("v1", "configmaps", "ConfigMap")
EVENT = Kind("v1", "events", "Event")
PERSISTENT_VOLUME_CLAIM = Kind("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
NAMESPACE = Kind("v1", "namespaces", "Namespace", namespaced=False)
NODE = Kind("v1", "nodes", "Node", namespaced=False)
DEPLOYMENT = Kind("apps/v1", "deployments", "Deployment")
STATEFUL_SET = Kind("apps/v1", "statefulsets", "StatefulSet")
DAEMON_SET = Kind("apps/v1", "daemonsets", "DaemonSet")
REPLICA_SET = Kind("apps/v1", "replicasets", "ReplicaSet")
JOB = Kind("batch/v1", "jobs", "Job")
HORIZONTAL_POD_AUTOSCALER = Kind(
    "autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
CUSTOM_RESOURCE_DEFINITION = Kind(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", False
)
ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
)
SELF_REVIEW = Kind("authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview", False)
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")

WORKLOADS: Mapping[str, Kind] = {k.kind: k for k in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
