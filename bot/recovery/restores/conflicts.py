"""What a restore would meet in the cluster. Pure: the backup's objects against what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import UsageError
from bot.releases.words import listed

if TYPE_CHECKING:
    from integrations.velero.contents import Saved

Object = Mapping[str, Any]

CLAIMS = "persistentvolumeclaims"
SERVICES = "services"
INGRESSES = "ingresses.networking.k8s.io"
PODS = "pods"
VOLUMES = "persistentvolumes"
WHOLE = (CLAIMS, SERVICES, INGRESSES, PODS, VOLUMES)
"""Resources whose contents matter here; of all others only the names do."""

_PASSING = frozenset({
    "pods", "replicasets.apps", "controllerrevisions.apps", "endpoints",
    "endpointslices.discovery.k8s.io", "events", "events.events.k8s.io",
    "leases.coordination.k8s.io",
})  # fmt: skip
"""What the cluster makes anew by itself: too many to name."""
_NEVER = frozenset({"events", "events.events.k8s.io", "nodes", "namespaces"})
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HOOK = "post.hook.restore.velero.io/command"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Met:
    """An object of the backup whose name is taken in the cluster.

    Attributes:
        path: `Deployment parse-server`.
        meta: The metadata of the one that is there.
    """

    resource: str
    namespace: str
    path: str
    meta: Object

    @property
    def passing(self) -> bool:
        """The cluster makes such ones by itself."""
        return self.resource in _PASSING


def taken(
    saved: Iterable[Saved], namespaces: Collection[str], resources: Collection[str] = ()
) -> tuple[Saved, ...]:
    """The objects that a restore of these namespaces and resources takes; none means all."""
    return tuple(
        one
        for one in saved
        if one.namespace in namespaces
        and not one.ended
        and one.resource not in _NEVER
        and (not resources or one.resource in resources)
    )


def chosen_resources(words: str, saved: Iterable[Saved]) -> tuple[str, ...]:
    """The resources that `--only` names: `deployments,secret,Ingress` → `deployments.apps` ….

    Raises:
        UsageError: The backup holds nothing of such a kind; those that it holds are named.
    """
    known: dict[str, str] = {}
    names: set[str] = set()
    for one in saved:
        if one.resource in _NEVER or not one.namespace:
            continue
        names.add(one.resource.partition(".")[0])
        for word in (one.resource, one.resource.partition(".")[0], one.kind):
            known[word.lower()] = one.resource
    found: dict[str, None] = {}
    for word in filter(None, re.split(r"[,\s]+", words)):
        resource = known.get(word.lower())
        if resource is None:
            raise UsageError(
                f"The backup holds nothing of the kind {word}",
                hint=f"It holds {listed(sorted(names), 20)}",
            )
        found[resource] = None
    return tuple(found)


def met(
    objects: Iterable[Saved],
    mapping: Mapping[str, str],
    live: Mapping[tuple[str, str], Mapping[str, Object]],
) -> tuple[Met, ...]:
    """The objects whose names are taken.

    Args:
        objects: What the restore takes.
        mapping: Namespace in the backup → namespace here.
        live: Resource and namespace here → name → metadata.
    """
    found: list[Met] = []
    for one in objects:
        place = mapping.get(one.namespace, one.namespace)
        meta = live.get((one.resource, place), {}).get(one.name)
        if meta is not None:
            found.append(Met(one.resource, place, f"{one.kind} {one.name}", meta))
    return tuple(found)


def port_clashes(
    objects: Iterable[Saved],
    mapping: Mapping[str, str],
    services: Iterable[Object],
    *,
    keep: bool,
) -> tuple[str, ...]:
    """Sentences about node ports that other Services hold.

    Args:
        objects: What the restore takes.
        mapping: Namespace in the backup → namespace here.
        services: All of the cluster.
        keep: Every node port is kept; otherwise only those that somebody chose, as Velero does.
    """
    holders: dict[int, str] = {}
    there: set[str] = set()
    for service in services:
        there.add(_place(service))
        for port in (service.get("spec") or {}).get("ports") or ():
            if port.get("nodePort"):
                holders[int(port["nodePort"])] = _place(service)
    found: list[str] = []
    for one in _of(objects, SERVICES):
        place = f"{mapping.get(one.namespace, one.namespace)}/{one.name}"
        if place in there:
            continue  # it exists, and so is left alone
        for number in _node_ports(one.object, keep):
            if number in holders:
                found.append(
                    f"Node port {number} of Service {one.name} is held by {holders[number]}: "
                    "that Service will not be restored."
                )
    return tuple(found)


def host_clashes(
    objects: Iterable[Saved], mapping: Mapping[str, str], ingresses: Iterable[Object]
) -> tuple[str, ...]:
    """Sentences about hosts that other Ingresses serve."""
    servers: dict[str, str] = {}
    there = set()
    for ingress in ingresses:
        there.add(_place(ingress))
        for host in _hosts(ingress):
            servers.setdefault(host, _place(ingress))
    found: list[str] = []
    for one in _of(objects, INGRESSES):
        place = f"{mapping.get(one.namespace, one.namespace)}/{one.name}"
        if place in there:
            continue
        found += [
            f"Host {host} of Ingress {one.name} is served by {servers[host]}: "
            "which of the two answers is not certain."
            for host in _hosts(one.object)
            if host in servers
        ]
    return tuple(found)


def class_problems(
    objects: Iterable[Saved], classes: Iterable[Object], held: Collection[str]
) -> tuple[str, ...]:
    """Sentences about storage classes that claims want and the cluster lacks.

    Args:
        objects: What the restore takes.
        classes: The cluster's StorageClasses.
        held: Claims that exist: they need none.
    """
    known: set[str] = set()
    default = False
    for one in classes:
        meta = one["metadata"]
        known.add(str(meta["name"]))
        default |= (meta.get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    wanted: dict[str, list[str]] = {}
    for claim in _of(objects, CLAIMS):
        name = (claim.object.get("spec") or {}).get("storageClassName")
        if claim.name in held or name in known or name == "" or (name is None and default):
            continue
        wanted.setdefault(str(name or ""), []).append(claim.name)
    return tuple(
        f"Storage class {name} is missing here: {_wait(claims)}."
        if name
        else f"The cluster has no default storage class: {_wait(claims)}."
        for name, claims in sorted(wanted.items())
    )


def hooked(objects: Iterable[Saved]) -> tuple[str, ...]:
    """Pods with a command that loads their data once the restore has made them."""
    return tuple(
        pod.name
        for pod in _of(objects, PODS)
        if _HOOK in ((pod.object.get("metadata") or {}).get("annotations") or {})
    )


def older(source: str, here: str) -> str:
    """A sentence when the cluster is older than the one that the backup is of; else nothing."""
    first, second = _VERSION.match(source), _VERSION.match(here)
    if first and second and _numbers(second) < _numbers(first):
        return (
            f"The cluster ({here}) is older than the one the backup was made in ({source}): it "
            "may not know some of its kinds or fields."
        )
    return ""


def _wait(claims: Sequence[str]) -> str:
    verb = "waits" if len(claims) == 1 else "wait"
    return f"{listed(claims, 4)} {verb} for a volume for ever"


def _of(objects: Iterable[Saved], resource: str) -> Iterator[Saved]:
    return (one for one in objects if one.resource == resource)


def _place(item: Object) -> str:
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def _hosts(ingress: Object) -> list[str]:
    rules = (ingress.get("spec") or {}).get("rules") or ()
    return list(dict.fromkeys(str(rule["host"]) for rule in rules if rule.get("host")))


def _node_ports(service: Object, keep: bool) -> list[int]:
    """The node ports that a restored Service asks for."""
    ports = [p for p in (service.get("spec") or {}).get("ports") or () if p.get("nodePort")]
    return [int(port["nodePort"]) for port in ports if keep or _was_chosen(service, port)]


def _was_chosen(service: Object, port: Object) -> bool:
    """Whether a person chose this node port, by what kubectl or the API server remembers."""
    meta = service["metadata"]
    applied = (meta.get("annotations") or {}).get(_APPLIED)
    if applied:
        try:
            said = (json.loads(applied).get("spec") or {}).get("ports") or ()
        except (ValueError, AttributeError):
            return True
        return any(one.get("nodePort") == port["nodePort"] for one in said)
    key = f'k:{{"port":{port["port"]},"protocol":"{port.get("protocol", "TCP")}"}}'
    for entry in meta.get("managedFields") or ():
        fields = ((entry.get("fieldsV1") or {}).get("f:spec") or {}).get("f:ports") or {}
        if "f:nodePort" in (fields.get(key) or {}):
            return True
    return False


def _numbers(found: re.Match[str]) -> tuple[int, int]:
    return int(found[1]), int(found[2])
