"""Names that Kubernetes, Helm and registries accept, checked before anything is asked of them.

Each `check_…` is pure: None when the value is right, else one sentence for a person. They fit
`Arg(check=…)`. Rules: Kubernetes "Object Names and IDs" (RFC 1123 labels and subdomains), Helm's
53 characters for a release, the distribution specification's grammar for tags.
"""

from __future__ import annotations

import re
from typing import Any

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VALUE_PATH = re.compile(r"[A-Za-z0-9_-]+(\[[0-9]{1,4}\])*(\.[A-Za-z0-9_-]+(\[[0-9]{1,4}\])*)*")
_ALPHABET = "lower-case letters, digits and hyphens, beginning and ending with a letter or digit"

WORKLOAD_KINDS = ("deployment", "statefulset", "daemonset")


def _label(value: Any, what: str, longest: int) -> str | None:
    text = str(value)
    if not text:
        return f"a {what} cannot be empty"
    if len(text) > longest:
        return f"a {what} has at most {longest} characters, this one has {len(text)}"
    if not _LABEL.fullmatch(text):
        return f"{clip(text)} is not a {what}: use {_ALPHABET}"
    return None


def clip(text: str, longest: int = 60) -> str:
    """Quotes outside text for an error: control characters shown, length bounded."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return "“" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short) + "”"


def check_name(value: Any) -> str | None:
    """Checks the name of an app, a cluster or a Helm release (53 characters, Helm's limit)."""
    return _label(value, "name", 53)


def check_namespace(value: Any) -> str | None:
    """Checks a namespace (an RFC 1123 label)."""
    return _label(value, "namespace", 63)


def check_object(value: Any) -> str | None:
    """Checks the name of a Kubernetes object, such as a node (an RFC 1123 subdomain)."""
    text = str(value)
    if not text:
        return "a name cannot be empty"
    if len(text) > 253:
        return f"a name has at most 253 characters, this one has {len(text)}"
    if not _SUBDOMAIN.fullmatch(text):
        return f"{clip(text)} is not a name that Kubernetes accepts: use {_ALPHABET}, and dots"
    return None


def check_workload(value: Any) -> str | None:
    """Checks the name of a workload, alone or after its kind: `web`, `deployment/web`."""
    kind, slash, name = str(value).rpartition("/")
    if slash and kind not in WORKLOAD_KINDS:
        return f"{clip(kind)} is not a kind of workload: use {', '.join(WORKLOAD_KINDS)}"
    return check_object(name)


def check_tag(value: Any) -> str | None:
    """Checks an image tag: 128 characters of letters, digits, `_`, `.` and `-`."""
    text = str(value)
    if not text:
        return "a tag cannot be empty"
    if len(text) > 128:
        return f"a tag has at most 128 characters, this one has {len(text)}"
    if not _TAG.fullmatch(text):
        return f"{clip(text)} is not an image tag: use letters, digits, “_”, “.” and “-”"
    return None


def check_value_path(value: Any) -> str | None:
    """Checks the path of a chart value: `image.tag`, `ingress.hosts[0].host`."""
    text = str(value)
    if len(text) > 253 or not _VALUE_PATH.fullmatch(text):
        return f"{clip(text)} is not the path of a chart value: write it like image.tag"
    return None


def check_set(value: Any) -> str | None:
    """Checks one `path=value` assignment to a chart value."""
    path, equals, _ = str(value).partition("=")
    if not equals:
        return f"{clip(str(value))} sets nothing: write it as path=value, such as image.tag=1.2"
    return check_value_path(path)
