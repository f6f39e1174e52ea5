"""Columns and cells of everything that is no workload. Source: ``pkg/printers``."""

from __future__ import annotations

from typing import Any

from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.table.cells import NONE, Layout, Since, age, columns, selector

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_ROLE = "node-role.kubernetes.io/"


def _name(obj: Json) -> str:
    return str(obj["metadata"]["name"])


def _plain(obj: Json) -> list[Any]:
    return [_name(obj), age(obj)]


def _created_at(obj: Json) -> list[Any]:
    return [_name(obj), obj["metadata"].get("creationTimestamp", "")]


def _namespace(obj: Json) -> list[Any]:
    return [_name(obj), dig(obj, "status", "phase", default=""), age(obj)]


def _service(obj: Json) -> list[Any]:
    spec = obj.get("spec") or {}
    ports = []
    for port in spec.get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return [
        _name(obj),
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        _external(obj),
        ",".join(ports) or NONE,
        age(obj),
        selector(spec.get("selector")),
    ]


def _external(obj: Json) -> str:
    spec = obj.get("spec") or {}
    named: list[str] = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        found = dig(obj, "status", "loadBalancer", "ingress", default=[])
        balanced = [str(i.get("ip") or i.get("hostname")) for i in found]
        return ",".join(balanced + named) or "<pending>"
    return ",".join(named) or NONE


def _node(obj: Json) -> list[Any]:
    status, labels = obj.get("status") or {}, obj["metadata"].get("labels") or {}
    info = status.get("nodeInfo") or {}
    ready = [c for c in status.get("conditions") or () if c.get("type") == "Ready"]
    words = ["Unknown"]
    if ready:
        words = ["Ready" if ready[0].get("status") == "True" else "NotReady"]
    if dig(obj, "spec", "unschedulable"):
        words.append("SchedulingDisabled")
    roles = {k.removeprefix(_ROLE) for k in labels if k.startswith(_ROLE)}
    roles |= {labels["kubernetes.io/role"]} if labels.get("kubernetes.io/role") else set()
    kinds = ("osImage", "kernelVersion", "containerRuntimeVersion")
    return [
        _name(obj),
        ",".join(words),
        ",".join(sorted(roles)) or NONE,
        age(obj),
        info.get("kubeletVersion", ""),
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        *(info.get(name) or "<unknown>" for name in kinds),
    ]


def _address(status: Json, kind: str) -> str:
    found = [a.get("address") for a in status.get("addresses") or () if a.get("type") == kind]
    return str(found[0]) if found else NONE


def _claim(obj: Json) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    bound = bool(spec.get("volumeName"))
    modes = (status.get("accessModes") or []) if bound else []
    return [
        _name(obj),
        phase,
        spec.get("volumeName", ""),
        dig(status, "capacity", "storage", default="") if bound else "",
        ",".join(_MODES.get(m, m) for m in modes),
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or "<unset>",
        age(obj),
        spec.get("volumeMode") or "<unset>",
    ]


def _volume(obj: Json) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        _name(obj),
        dig(spec, "capacity", "storage", default=""),
        ",".join(_MODES.get(m, m) for m in spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or "<unset>",
        status.get("reason", ""),
        age(obj),
        spec.get("volumeMode") or "<unset>",
    ]


def _quota(obj: Json) -> list[Any]:
    status = obj.get("status") or {}
    used, hard = status.get("used") or {}, status.get("hard") or {}
    cells = {name: f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard)}
    limits = [cell for name, cell in cells.items() if name.startswith("limits")]
    requests = [cell for name, cell in cells.items() if not name.startswith("limits")]
    return [_name(obj), ", ".join(requests), ", ".join(limits), age(obj)]


def _priority_class(obj: Json) -> list[Any]:
    value, default = obj.get("value", 0), bool(obj.get("globalDefault"))
    policy = obj.get("preemptionPolicy", "PreemptLowerPriority")
    return [_name(obj), value, default, age(obj), policy]


def _event(obj: Json) -> list[Any]:
    target, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime") or ""
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or first
    kind = str(target.get("kind", "")).lower()
    where = source.get("component") or obj.get("reportingComponent", "")
    host = source.get("host") or obj.get("reportingInstance")
    return [
        Since(str(last)),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{target['name']}" if target.get("name") else kind,
        target.get("fieldPath", ""),
        f"{where}, {host}" if host else where,
        str(obj.get("message", "")).strip(),
        Since(str(first)),
        str(series.get("count") or obj.get("count") or 1),
        _name(obj),
    ]


def _secret(obj: Json) -> list[Any]:
    return [_name(obj), obj.get("type", ""), str(len(obj.get("data") or ())), age(obj)]


def _config_map(obj: Json) -> list[Any]:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [_name(obj), count, age(obj)]


def _ingress(obj: Json) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [str(r["host"]) for r in spec.get("rules") or () if r.get("host")]
    more = f" + {len(hosts) - 3} more..." if len(hosts) > 3 else ""
    found = dig(obj, "status", "loadBalancer", "ingress", default=[])
    return [
        _name(obj),
        spec.get("ingressClassName") or NONE,
        ",".join(hosts[:3]) + more or "*",
        ",".join(str(i.get("ip") or i.get("hostname")) for i in found),
        "80, 443" if spec.get("tls") else "80",
        age(obj),
    ]


def _endpoints(obj: Json) -> list[Any]:
    shown = []
    for subset in obj.get("subsets") or ():
        ports = [p.get("port") for p in subset.get("ports") or ()] or [""]
        for port in ports:
            suffix = f":{port}" if port else ""
            shown += [f"{a.get('ip')}{suffix}" for a in subset.get("addresses") or ()]
    more = f" + {len(shown) - 3} more..." if len(shown) > 3 else ""
    return [_name(obj), ",".join(shown[:3]) + more or NONE, age(obj)]


def _slice(obj: Json) -> list[Any]:
    ports = ",".join(str(p.get("port")) for p in obj.get("ports") or ())
    found = [a for e in obj.get("endpoints") or () for a in e.get("addresses") or ()]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    shown = ",".join(found[:3]) + more
    return [
        _name(obj),
        obj.get("addressType", ""),
        ports or "<unset>",
        shown or "<unset>",
        age(obj),
    ]


def _budget(obj: Json) -> list[Any]:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return [
        _name(obj),
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        dig(obj, "status", "disruptionsAllowed", default=0),
        age(obj),
    ]


def _network_policy(obj: Json) -> list[Any]:
    return [_name(obj), selector(dig(obj, "spec", "podSelector")), age(obj)]


def _binding(obj: Json) -> list[Any]:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    by_kind = {
        kind: ", ".join(str(s.get("name")) for s in subjects if s.get("kind") == kind)
        for kind in ("User", "Group")
    }
    accounts = [
        f"{s.get('namespace')}/{s.get('name')}"
        for s in subjects
        if s.get("kind") == "ServiceAccount"
    ]
    names = [by_kind["User"], by_kind["Group"], ", ".join(accounts)]
    return [_name(obj), f"{role.get('kind')}/{role.get('name')}", age(obj), *names]


def _storage_class(obj: Json) -> list[Any]:
    notes = obj["metadata"].get("annotations") or {}
    name = _name(obj)
    if notes.get("storageclass.kubernetes.io/is-default-class") == "true":
        name += " (default)"
    return [
        name,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", ""),
        obj.get("volumeBindingMode", ""),
        str(bool(obj.get("allowVolumeExpansion"))).lower(),
        age(obj),
    ]


def _lease(obj: Json) -> list[Any]:
    return [_name(obj), dig(obj, "spec", "holderIdentity", default=""), age(obj)]


_PVC = (
    "Name",
    "Status",
    "Volume",
    "Capacity",
    "Access Modes",
    "StorageClass",
    "VolumeAttributesClass",
    "Age",
)
_PV = (
    "Name",
    "Capacity",
    "Access Modes",
    "Reclaim Policy",
    "Status",
    "Claim",
    "StorageClass",
    "VolumeAttributesClass",
    "Reason",
    "Age",
)
_NODE_WIDE = ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")
_SUBJECTS = ("Users", "Groups", "ServiceAccounts")
_EVENT_COLUMNS = columns("Last Seen", "Type", "Reason", "Object")
_EVENTS = (
    *_EVENT_COLUMNS,
    *columns(wide=("Subobject", "Source")),
    *columns("Message"),
    *columns(wide=("First Seen", "Count", "Name")),
)
_SC = ("Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age")
_PDB = ("Name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age")
_SVC = ("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age")
_RBAC = "rbac.authorization.k8s.io"

GENERIC = Layout(columns("Name", "Age"), _plain)
"""The layout of kinds without one of their own."""

LAYOUTS = {
    "namespaces": Layout(columns("Name", "Status", "Age"), _namespace),
    "services": Layout(columns(*_SVC, wide=("Selector",)), _service),
    "nodes": Layout(columns("Name", "Status", "Roles", "Age", "Version", wide=_NODE_WIDE), _node),
    "persistentvolumeclaims": Layout(columns(*_PVC, wide=("VolumeMode",)), _claim),
    "persistentvolumes": Layout(columns(*_PV, wide=("VolumeMode",)), _volume),
    "events": Layout(_EVENTS, _event),
    "secrets": Layout(columns("Name", "Type", "Data", "Age"), _secret),
    "configmaps": Layout(columns("Name", "Data", "Age"), _config_map),
    "endpoints": Layout(columns("Name", "Endpoints", "Age"), _endpoints),
    "ingresses.networking.k8s.io": Layout(
        columns("Name", "Class", "Hosts", "Address", "Ports", "Age"), _ingress
    ),
    "networkpolicies.networking.k8s.io": Layout(
        columns("Name", "Pod-Selector", "Age"), _network_policy
    ),
    "endpointslices.discovery.k8s.io": Layout(
        columns("Name", "AddressType", "Ports", "Endpoints", "Age"), _slice
    ),
    "poddisruptionbudgets.policy": Layout(columns(*_PDB), _budget),
    "storageclasses.storage.k8s.io": Layout(columns(*_SC), _storage_class),
    "leases.coordination.k8s.io": Layout(columns("Name", "Holder", "Age"), _lease),
    f"rolebindings.{_RBAC}": Layout(columns("Name", "Role", "Age", wide=_SUBJECTS), _binding),
    f"clusterrolebindings.{_RBAC}": Layout(
        columns("Name", "Role", "Age", wide=_SUBJECTS), _binding
    ),
    "limitranges": Layout(columns("Name", "Created At:date"), _created_at),
    "resourcequotas": Layout(columns("Name", "Request", "Limit", "Age"), _quota),
    "priorityclasses.scheduling.k8s.io": Layout(
        columns("Name", "Value:integer", "Global-Default:boolean", "Age", "PreemptionPolicy"),
        _priority_class,
    ),
    f"roles.{_RBAC}": Layout(columns("Name", "Created At:date"), _created_at),
    f"clusterroles.{_RBAC}": Layout(columns("Name", "Created At:date"), _created_at),
    "customresourcedefinitions.apiextensions.k8s.io": Layout(
        columns("Name", "Created At:date"), _created_at
    ),
}
"""Layouts by the key of the resource."""
