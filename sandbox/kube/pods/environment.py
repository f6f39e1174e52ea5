"""What a container sees of the cluster: its environment, and the files of its ConfigMaps."""

from __future__ import annotations

import base64
import re
from typing import Any

from sandbox.kube.resources import CONFIGMAPS, SECRETS
from sandbox.kube.store import Store

Json = dict[str, Any]

_REFERENCE = re.compile(r"\$\((\w+)\)")


def container_of(pod: Json, name: str) -> Json | None:
    """Return the container of that name, init containers included."""
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        if container["name"] == name:
            return container  # type: ignore[no-any-return]
    return None


def environment(store: Store, pod: Json, container: Json) -> dict[str, str]:
    """Return the environment of a container's process."""
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {"HOSTNAME": pod["spec"].get("hostname") or pod["metadata"]["name"]}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for field in ("configMapRef", "secretRef"):
            if field in source:
                values = _data(store, namespace, field[:-3], source[field]["name"])
                found |= {prefix + k: v for k, v in values.items()}
    for item in container.get("env") or ():
        if "value" in item:
            text = item["value"]
            found[item["name"]] = _REFERENCE.sub(lambda m: found.get(m[1], m[0]), text)
            continue
        source = item.get("valueFrom") or {}
        for field in ("configMapKeyRef", "secretKeyRef"):
            if field in source:
                values = _data(store, namespace, field[:-6], source[field]["name"])
                if source[field]["key"] in values:
                    found[item["name"]] = values[source[field]["key"]]
        if "fieldRef" in source:
            found[item["name"]] = _field(pod, source["fieldRef"]["fieldPath"])
    return found


def _data(store: Store, namespace: str, kind: str, name: str) -> dict[str, str]:
    resource = SECRETS if kind == "secret" else CONFIGMAPS
    obj = store.peek(resource, namespace, name)
    data = (obj or {}).get("data") or {}
    if resource is CONFIGMAPS:
        return dict(data)
    return {k: base64.b64decode(v).decode(errors="replace") for k, v in data.items()}


def _field(pod: Json, path: str) -> str:
    match = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if match:
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)


def read_file(store: Store, pod: Json, container: Json, path: str) -> str | None:
    """Return a file that a ConfigMap puts into the container; None if none does."""
    volumes = {v["name"]: v for v in pod["spec"].get("volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        source = volumes.get(mount["name"], {}).get("configMap")
        root = mount["mountPath"].rstrip("/")
        if not source or not path.startswith(root):
            continue
        data = _data(store, pod["metadata"]["namespace"], "configMap", source["name"])
        inside = path[len(root) :].lstrip("/") or mount.get("subPath", "")
        for item in source.get("items") or ():
            if item["path"] == inside:
                inside = item["key"]
        if inside in data:
            return data[inside]
    return None
