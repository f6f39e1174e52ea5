"""Checks of pods and pod templates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from sandbox.kube.causes import forbidden, unsupported
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, thaw

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"[+-]?[0-9.]+([eE][-+]?[0-9]+|[numkKMGTPE]|[KMGTPE]i)?")
_RESTARTS = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_PULLS = ("Always", "IfNotPresent", "Never")
_POD_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)


def check_pod(obj: Json) -> list[Cause]:
    """Check a new pod."""
    spec = obj.get("spec") or {}
    found = _spec(spec, "spec") + _word(spec, "restartPolicy", "spec", _RESTARTS)
    if spec.get("ephemeralContainers"):
        found.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    return found


def check_template(
    template: Any, path: str, restart: tuple[str, ...], claims: Iterable[str | None] = ()
) -> list[Cause]:
    """Check a pod template.

    ``restart`` lists the restart policies that its owner allows, ``claims`` the volumes that the
    owner adds (a StatefulSet's claim templates).
    """
    spec = (template or {}).get("spec") or {}
    found = _spec(spec, f"{path}.spec", claims)
    return found + _word(spec, "restartPolicy", f"{path}.spec", restart)


def _word(where: Json, name: str, path: str, words: tuple[str, ...]) -> list[Cause]:
    """Check a field that has one of a few words."""
    word = where.get(name)
    return [] if word in words else [unsupported(f"{path}.{name}", str(word), words)]


def check_pod_update(obj: Json, old: Json) -> list[Cause]:
    """Check that a pod's spec changed only where it may."""
    if _comparable(obj) == _comparable(old):
        return []
    return [Cause("FieldValueForbidden", f"Forbidden: {_POD_UPDATE}", "spec")]


def _comparable(obj: Json) -> Json:
    spec: Json = thaw(obj.get("spec") or {})
    for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"):
        spec.pop(name, None)
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        container.pop("image", None)
    return spec


def _spec(spec: Json, path: str, claims: Iterable[str | None] = ()) -> list[Cause]:
    found: list[Cause] = []
    found += _word(spec, "dnsPolicy", path, _DNS)
    if not spec.get("containers"):
        found.append(Cause("FieldValueRequired", "Required value", f"{path}.containers"))
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()} | set(claims)
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            place = f"{path}.{kind}[{index}]"
            found += _container(container, place, volumes)
            name = str(container.get("name", ""))
            if name in names:
                text = f'Duplicate value: "{name}"'
                found.append(Cause("FieldValueDuplicate", text, f"{place}.name"))
            names.add(name)
    return found


def _container(container: Json, place: str, volumes: set[str | None]) -> list[Cause]:
    found = []
    name = container.get("name")
    if not name:
        found.append(Cause("FieldValueRequired", "Required value", f"{place}.name"))
    elif not _NAME.fullmatch(str(name)):
        text = f"Invalid value: {json.dumps(name)}: a lowercase RFC 1123 label must consist of " \
            "lower case alphanumeric characters or '-', and must start and end with an " \
            "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation " \
            "is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"  # fmt: skip
        found.append(Cause("FieldValueInvalid", text, f"{place}.name"))
    if not container.get("image"):
        found.append(Cause("FieldValueRequired", "Required value", f"{place}.image"))
    found += _word(container, "imagePullPolicy", place, _PULLS)
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            text = f"Not found: {json.dumps(mount.get('name'))}"
            where = f"{place}.volumeMounts[{index}].name"
            found.append(Cause("FieldValueNotFound", text, where))
    for kind in ("limits", "requests"):
        for what, amount in ((container.get("resources") or {}).get(kind) or {}).items():
            if not _QUANTITY.fullmatch(str(amount)):
                text = (
                    f"Invalid value: {json.dumps(amount)}: quantities must match the regular "
                    "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                )
                found.append(Cause("FieldValueInvalid", text, f"{place}.resources.{kind}[{what}]"))
    return found
