"""Secrets and ConfigMaps that a pod names: which of them are missing, and how that is said."""

from __future__ import annotations

from sandbox.kube.controllers.meta import Json
from sandbox.kube.resources import CONFIGMAPS, SECRETS, Resource
from sandbox.kube.store import Store

_SOURCES: dict[str, tuple[Resource, str]] = {
    "secretKeyRef": (SECRETS, "secret"),
    "configMapKeyRef": (CONFIGMAPS, "configmap"),
    "secretRef": (SECRETS, "secret"),
    "configMapRef": (CONFIGMAPS, "configmap"),
}


def missing_in_env(store: Store, namespace: str, container: Json) -> str:
    """Say which Secret, ConfigMap or key of a container's environment is missing; "" if none."""
    sources = [item.get("valueFrom") or {} for item in container.get("env") or ()]
    sources += container.get("envFrom") or ()
    for source in sources:
        for field, (resource, word) in _SOURCES.items():
            ref = source.get(field)
            if not ref or ref.get("optional"):
                continue
            found = store.peek(resource, namespace, ref["name"])
            if found is None:
                return f'{word} "{ref["name"]}" not found'
            have = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
            if "key" in ref and ref["key"] not in have:
                kind = "Secret" if resource is SECRETS else "ConfigMap"
                return f"couldn't find key {ref['key']} in {kind} {namespace}/{ref['name']}"
    return ""


def missing_volumes(store: Store, namespace: str, spec: Json) -> list[str]:
    """Return a sentence for every volume of a pod that cannot be mounted."""
    found = []
    for volume in spec.get("volumes") or ():
        for resource, word, ref in _volume_refs(volume):
            name = ref.get("secretName") or ref.get("name")
            if ref.get("optional") or not name:
                continue
            if store.peek(resource, namespace, name) is None:
                found.append(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {word} "{name}" '
                    "not found"
                )
    return found


def _volume_refs(volume: Json) -> list[tuple[Resource, str, Json]]:
    parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    refs: list[tuple[Resource, str, Json]] = []
    for part in parts:
        if part.get("secret"):
            refs.append((SECRETS, "secret", part["secret"]))
        if part.get("configMap"):
            refs.append((CONFIGMAPS, "configmap", part["configMap"]))
    return refs
