"""Checks that the API makes before it keeps an object, with its own sentences.

Follows ``pkg/apis/*/validation`` of Kubernetes v1.35 for names, labels, workloads, services and
the fields that may not change. It is no complete validation: what it does not know it lets pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.kube import errors
from sandbox.kube.causes import Found, invalid, required
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import Resource
from sandbox.kube.validation_autoscalers import check_autoscaler, check_autoscaler_status
from sandbox.kube.validation_definitions import check_definition
from sandbox.kube.validation_pods import check_pod, check_template
from sandbox.kube.validation_rights import check_binding, check_role
from sandbox.kube.validation_updates import CHANGES, check_finalizers

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DATA_KEY = r"[-._a-zA-Z0-9]+"
_DATA_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
    f"'{_DATA_KEY}')"
)
_PATH_NAMES = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})


def validate_create(resource: Resource, obj: Json) -> None:
    """Check a new object.

    Raises:
        ApiError: 422 naming every field at fault.
    """
    found = _metadata(resource, obj)
    rule = _CREATE.get(resource.key)
    if rule is not None:
        found += rule(obj)
    _raise(resource, obj, found)


def validate_update(resource: Resource, obj: Json, old: Json) -> None:
    """Check a changed object against the kept one.

    Raises:
        ApiError: 422 naming every field at fault.
    """
    found = _metadata(resource, obj)
    rule = _CREATE.get(resource.key)
    if rule is not None and resource.key not in _CHANGES_TELL_ALL:
        found += rule(obj)
    change = CHANGES.get(resource.key)
    if change is not None:
        found += change(obj, old)
    found += check_finalizers(obj, old)
    _raise(resource, obj, found)


def validate_status(resource: Resource, obj: Json) -> None:
    """Check an object whose status somebody writes.

    Raises:
        ApiError: 422 naming every field at fault.
    """
    rule = _STATUS.get(resource.key)
    _raise(resource, obj, rule(obj) if rule is not None else [])


def _raise(resource: Resource, obj: Json, found: Found) -> None:
    if found:
        name = str(obj["metadata"].get("name", ""))
        raise errors.invalid(resource.group, resource.kind, name, found)


def _metadata(resource: Resource, obj: Json) -> Found:
    meta = obj["metadata"]
    found = _name(resource, str(meta.get("name", "")))
    for key, value in (meta.get("labels") or {}).items():
        found += _qualified(key, "metadata.labels")
        found += check_label_value(value, "metadata.labels")
    for key in meta.get("annotations") or {}:
        found += _qualified(key.lower(), "metadata.annotations")
    for owner in meta.get("ownerReferences") or ():
        found += _owner(owner)
    size = sum(len(k) + len(str(v)) for k, v in (meta.get("annotations") or {}).items())
    if size > 256 * 1024:
        text = "Too long: may not be more than 262144 bytes"
        found.append(Cause("FieldValueTooLong", text, "metadata.annotations"))
    return found


def _owner(owner: Json) -> Found:
    path, found = "metadata.ownerReferences", Found()
    for field in ("apiVersion", "kind", "name", "uid"):
        if not owner.get(field):
            what = "version must not be empty" if field == "apiVersion" else "must not be empty"
            found.append(invalid(f"{path}.{field}", "", what))
    return found


def _name(resource: Resource, name: str) -> Found:
    if resource.plural in _PATH_NAMES:
        bad = [c for c in ("/", "%") if c in name]
        return [invalid("metadata.name", name, f"may not contain '{c}'") for c in bad]
    if resource.key == "services":
        detail = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start "
            "with an alphabetic character, and end with an alphanumeric character (e.g. "
            f"'my-name',  or 'abc-123', regex used for validation is '{_DNS_1035}')"
        )
        return _match("metadata.name", name, _DNS_1035, 63, detail)
    if resource.key == "namespaces":
        detail = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
            "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
            f"'123-abc', regex used for validation is '{_LABEL}')"
        )
        return _match("metadata.name", name, _LABEL, 63, detail)
    detail = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        f"regex used for validation is '{_SUBDOMAIN}')"
    )
    return _match("metadata.name", name, _SUBDOMAIN, 253, detail)


def _match(path: str, value: str, pattern: str, longest: int, detail: str) -> Found:
    found = []
    if len(value) > longest:
        found.append(invalid(path, value, f"must be no more than {longest} characters"))
    if not re.fullmatch(pattern, value):
        found.append(invalid(path, value, detail))
    return found


def _qualified(key: str, path: str) -> Found:
    prefix, _, name = key.rpartition("/")
    if len(name) > 63:
        return [invalid(path, key, "name part must be no more than 63 characters")]
    if not re.fullmatch(_QUALIFIED, name) or (prefix and not re.fullmatch(_SUBDOMAIN, prefix)):
        detail = (
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start "
            "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
            "'123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        )
        return [invalid(path, key, detail)]
    return []


def check_label_value(value: str, path: str) -> Found:
    """Check the value of a label, in an object or in a selector."""
    detail = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        f"'my_value',  or '12345', regex used for validation is '{_LABEL_VALUE}')"
    )
    return _match(path, str(value), _LABEL_VALUE, 63, detail)


def _data(obj: Json) -> Found:
    found, binary = Found(), obj.get("binaryData") or {}
    for part in ("data", "binaryData"):
        for key in obj.get(part) or {}:
            path = f"{part}[{key}]"
            if key in (".", ".."):
                found.append(invalid(path, key, f"must not be '{key}'"))
            elif key.startswith(".."):
                found.append(invalid(path, key, "must not start with '..'"))
            else:
                found += _match(path, key, _DATA_KEY, 253, _DATA_KEY_WORDS)
            if part == "data" and key in binary:
                found.append(invalid(path, key, "duplicate of key present in binaryData"))
    return found


def _workload(obj: Json) -> Found:
    spec, found = obj.get("spec") or {}, []
    replicas = spec.get("replicas")
    if isinstance(replicas, int) and replicas < 0:
        detail = "must be greater than or equal to 0"
        found.append(invalid("spec.replicas", replicas, detail))
    selector = spec.get("selector")
    labels = dig(spec, "template", "metadata", "labels", default={})
    if not selector:
        found.append(required("spec.selector"))
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        detail = "empty selector is invalid for deployment"
        found.append(invalid("spec.selector", selector, detail))
    elif any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        detail = "`selector` does not match template `labels`"
        found.append(invalid("spec.template.metadata.labels", labels, detail))
    claims = [dig(c, "metadata", "name") for c in spec.get("volumeClaimTemplates") or ()]
    found += check_template(spec.get("template"), "spec.template", ("Always",), claims)
    return found


def _job(obj: Json) -> Found:
    template = dig(obj, "spec", "template", default={})
    return check_template(template, "spec.template", ("OnFailure", "Never"))


def _cron_job(obj: Json) -> Found:
    spec = obj.get("spec") or {}
    found = [] if spec.get("schedule") else [required("spec.schedule")]
    template = dig(spec, "jobTemplate", "spec", "template", default={})
    where = "spec.jobTemplate.spec.template"
    return found + check_template(template, where, ("OnFailure", "Never"))


def _service(obj: Json) -> Found:
    spec, found = obj.get("spec") or {}, []
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName":
        return [] if spec.get("externalName") else [required("spec.externalName")]
    if not ports and spec.get("clusterIP") != "None":
        found.append(required("spec.ports"))
    for index, port in enumerate(ports):
        place = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            found.append(required(f"{place}.name"))
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number < 65536:
            detail = "must be between 1 and 65535, inclusive"
            found.append(invalid(f"{place}.port", number, detail))
    return found


def _claim(obj: Json) -> Found:
    spec, found = obj.get("spec") or {}, []
    if not spec.get("accessModes"):
        found.append(required("spec.accessModes", "at least 1 access mode is required"))
    if not dig(spec, "resources", "requests", "storage"):
        found.append(required("spec.resources[storage]"))
    return found


def _budget(obj: Json) -> Found:
    spec, found = obj.get("spec") or {}, Found()
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        found.append(invalid("spec", spec, detail))
    for name in ("minAvailable", "maxUnavailable"):
        value, path = spec.get(name), f"spec.{name}"
        if isinstance(value, int) and value < 0:
            found.append(invalid(path, value, "must be greater than or equal to 0"))
        elif isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
            detail = (
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
                "'1%',  or '93%', regex used for validation is '[0-9]+%')"
            )
            found.append(invalid(path, value, detail))
        elif isinstance(value, str) and int(value[:-1]) > 100:
            found.append(invalid(path, value, "must not be greater than 100%"))
    return found


def _ingress(obj: Json) -> Found:
    found = []
    for index, rule in enumerate(dig(obj, "spec", "rules", default=[])):
        for number, path in enumerate(dig(rule, "http", "paths", default=[])):
            if not path.get("pathType"):
                place = f"spec.rules[{index}].http.paths[{number}].pathType"
                found.append(required(place, "pathType must be specified"))
    return found


_CREATE: dict[str, Callable[[Json], Found]] = {
    "pods": check_pod,
    "deployments.apps": _workload,
    "replicasets.apps": _workload,
    "statefulsets.apps": _workload,
    "daemonsets.apps": _workload,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "configmaps": _data,
    "secrets": _data,
    "persistentvolumeclaims": _claim,
    "horizontalpodautoscalers.autoscaling": check_autoscaler,
    "poddisruptionbudgets.policy": _budget,
    "customresourcedefinitions.apiextensions.k8s.io": check_definition,
    "ingresses.networking.k8s.io": _ingress,
    "roles.rbac.authorization.k8s.io": check_role,
    "clusterroles.rbac.authorization.k8s.io": check_role,
    "rolebindings.rbac.authorization.k8s.io": check_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": check_binding,
}
_STATUS: dict[str, Callable[[Json], Found]] = {
    "horizontalpodautoscalers.autoscaling": check_autoscaler_status,
}
_CHANGES_TELL_ALL = frozenset({"pods", "horizontalpodautoscalers.autoscaling"})
"""Kinds whose rule for changes checks the new object, too."""
