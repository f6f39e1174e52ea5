"""Checks of CustomResourceDefinitions: what their kinds could not be served without.

Source: ``apiextensions-apiserver/pkg/apis/apiextensions/validation``; schemas are not looked into.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.kube.causes import Found, invalid, required, unsupported
from sandbox.kube.jsonutil import Json, dig

_DNS_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    f"regex used for validation is '{_DNS_1035}')"
)


def check_definition(obj: Json) -> Found:
    """Return what is wrong with a definition."""
    spec = obj.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    found: Found = []
    name = obj["metadata"].get("name", "")
    if name != f"{names.get('plural', '')}.{spec.get('group', '')}":
        found.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if not spec.get("group"):
        found.append(required("spec.group"))
    if not spec.get("scope"):
        found.append(required("spec.scope"))
    elif spec["scope"] not in ("Cluster", "Namespaced"):
        found.append(unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced")))
    for index, version in enumerate(versions):
        found += _version(version, f"spec.versions[{index}]")
    stored = [version.get("name", "") for version in versions if version.get("storage")]
    if len(stored) != 1:
        detail = "must have exactly one version marked as storage version"
        found.append(invalid("spec.versions", versions or None, detail))
    for each in ("plural", "singular", "kind", "listKind"):
        if not names.get(each):
            found.append(required(f"spec.names.{each}"))
    if not stored:
        detail = "must have at least one stored version"
        found.append(invalid("status.storedVersions", None, detail))
    return found


def _version(version: dict[str, Any], path: str) -> Found:
    found: Found = []
    name = version.get("name") or ""
    if not re.fullmatch(_DNS_1035, name):
        found.append(invalid(f"{path}.name", name, _LABEL))
    if dig(version, "schema", "openAPIV3Schema") is None:
        found.append(required(f"{path}.schema.openAPIV3Schema"))
    return found
