"""Whether what a backup holds would speak to the live namespace. Pure.

A drill's copy must never write to the live database, so it is not even made when something of it
names a host there: `mongodb-0.mongodb.parse`, `….parse.svc.cluster.local`, or the address of one of
its Services. Names of a single label, or of a pod and its Service, are found inside the copy's own
namespace. What programs keep inside volumes is not seen.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Object = Mapping[str, Any]

_HELM = "helm.sh/release.v1"
"""Type of Helm's own records: no pod reads them, and they hold all names."""
_WORKLOADS = frozenset({
    "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController",
    "PodTemplate",
})  # fmt: skip
_BUILT_IN = re.compile(r"(v1|(apps|batch|autoscaling|policy|extensions)/.*|[^/]*\.k8s\.io/.*)\Z")
_HOOKS = ".velero.io/"
_LABEL = r"[a-z0-9_](?:[-a-z0-9_]*[a-z0-9_])?"


@dataclass(frozen=True, slots=True)
class Named:
    """Where a host of the live namespace is named; never the value, which may be secret.

    Attributes:
        key: `data.uri`, or `env DATABASE_URI of container server`.
    """

    kind: str
    name: str
    key: str

    @property
    def words(self) -> str:
        """`Secret parse-credentials (data.uri)`."""
        return f"{self.kind} {self.name} ({self.key})"


def names_host(text: str, namespace: str) -> bool:
    """Whether a text names a host of a namespace: one that ends in it, or in it and `.svc…`.

    What stands before `namespace.svc` does not matter: programs put names together. Without `.svc`
    the host has to stand where hosts stand, and in small letters unless a port follows: scripts
    say `JSON.parse`.
    """
    home = re.escape(namespace)
    full = re.compile(rf"(?<![-\w]){home}\.svc(?![-\w])", re.IGNORECASE)
    # A host begins after one of these; or its first labels are put in from elsewhere, as in
    # `$(NAME).parse`.
    begins = rf"(?:(?:\A|[\s\"'=@/,;:<>|\[\]&%(){{`\\])(?:{_LABEL}\.)+|[)}}>]\.)"
    short = re.compile(rf"{begins}{home}\.?(?=\Z|:\d|[\s\"',;/?#<>|\]&)}}`\\])")
    port = re.compile(rf"{begins}{home}\.?(?=:\d)", re.IGNORECASE)
    return any(p.search(t) for t in {text, unquote(text)} for p in (full, short, port))


def names_address(text: str, addresses: Iterable[str]) -> bool:
    """Whether a text names one of these IP addresses."""
    return any(
        re.search(rf"(?<![\w.:]){re.escape(one)}(?![\w]|\.\d|:[0-9a-fA-F]*:)", text)
        for one in addresses
    )


def addresses(services: Iterable[Object]) -> frozenset[str]:
    """The cluster's own addresses of Services; a copy gets others."""
    specs = [service.get("spec") or {} for service in services]
    found = {one for spec in specs for one in (spec.get("clusterIP"), *spec.get("clusterIPs", ()))}
    return frozenset(str(one) for one in found if one and one != "None")


def find(
    objects: Iterable[Object], namespace: str, live: Collection[str] = ()
) -> tuple[Named, ...]:
    """Every place that names a host of the namespace, among objects that pods would read.

    Args:
        objects: What a copy would be made of.
        namespace: The live one.
        live: Addresses of its Services.

    Looked at are Secrets (decoded), ConfigMaps, pods and templates of pods, Services that stand
    for another name, and objects of kinds that Kubernetes itself does not have.
    """
    found = {
        Named(str(obj.get("kind")), str(obj["metadata"]["name"]), key)
        for obj in objects
        for key, text in _texts(obj)
        if names_host(text, namespace) or names_address(text, live)
    }
    return tuple(sorted(found, key=lambda n: (n.kind, n.name, n.key)))


def _texts(obj: Object) -> Iterator[tuple[str, str]]:
    """Key and text of everything in an object that may hold a host."""
    kind = obj.get("kind")
    spec = obj.get("spec") or {}
    if kind == "Secret":
        yield from _secret(obj)
    elif kind == "ConfigMap":
        yield from _strings(obj.get("data") or {}, "data")
        for key, value in (obj.get("binaryData") or {}).items():
            yield f"binaryData.{key}", _decoded(value)
    elif kind == "Service":
        yield "spec.externalName", str(spec.get("externalName") or "")
    elif kind in _WORKLOADS:
        template = obj if kind == "Pod" else (spec.get("template") or obj.get("template") or {})
        yield from _pod(template)
    elif not _BUILT_IN.match(str(obj.get("apiVersion"))):
        yield from _strings(spec, "spec")


def _secret(obj: Object) -> Iterator[tuple[str, str]]:
    if obj.get("type") == _HELM:
        return
    for key, value in (obj.get("data") or {}).items():
        yield f"data.{key}", _decoded(value)
    yield from _strings(obj.get("stringData") or {}, "stringData")


def _pod(template: Object) -> Iterator[tuple[str, str]]:
    notes = (template.get("metadata") or {}).get("annotations") or {}
    for key, value in notes.items():
        if _HOOKS in key:
            yield f"annotation {key}", str(value)
    spec = dict(template.get("spec") or {})
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.pop(field, None) or ():
            yield from _container(container)
    yield from _strings(spec, "spec")


def _container(container: Object) -> Iterator[tuple[str, str]]:
    where = f"of container {container.get('name')}"
    known: dict[str, str] = {}
    for entry in container.get("env") or ():
        value = _expanded(str(entry.get("value") or ""), known)
        if "valueFrom" not in entry:
            known[str(entry.get("name"))] = value
        yield f"env {entry.get('name')} {where}", value
    rest = {k: v for k, v in container.items() if k not in ("env", "image", "name")}
    for key, text in _strings(rest, ""):
        yield f"{key} {where}", _expanded(text, known)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """With the variables that Kubernetes would put in: those defined before, `$(NAME)`."""
    return re.sub(r"\$\(([-._a-zA-Z0-9]+)\)", lambda m: known.get(m[1], m[0]), text)


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, path)


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(str(value), validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return str(value)
