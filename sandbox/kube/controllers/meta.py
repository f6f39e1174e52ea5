"""Pure helpers on Kubernetes objects: owners, selectors, conditions, quantities, names.

Nothing here reads or writes the store.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.kube.clock import parse_timestamp

Json = dict[str, Any]

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated names (``k8s.io/apimachinery/pkg/util/rand``)."""

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


def key_of(obj: Json) -> tuple[str, str]:
    """Return (namespace, name); the namespace is empty for cluster-wide objects."""
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def uid(obj: Json) -> str:
    """Return the object's uid."""
    return str(obj["metadata"]["uid"])


def deleting(obj: Json) -> bool:
    """Whether somebody asked for the object's deletion."""
    return "deletionTimestamp" in obj["metadata"]


def labels(obj: Json) -> dict[str, str]:
    """Return the labels, never None."""
    return (obj.get("metadata") or {}).get("labels") or {}


def notes_of(obj: Json) -> dict[str, str]:
    """Return the annotations, never None."""
    return obj["metadata"].get("annotations") or {}


def owner_ref(owner: Json) -> Json:
    """Return the reference a controller puts into what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Json) -> Json | None:
    """Return the owner reference marked as controller, if any."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return ref  # type: ignore[no-any-return]
    return None


def matches(selector: Json | None, have: dict[str, str]) -> bool:
    """Whether labels satisfy a LabelSelector; an empty one takes all, None takes nothing."""
    if selector is None:
        return False
    for name, value in (selector.get("matchLabels") or {}).items():
        if have.get(name) != value:
            return False
    return all(
        _expression(term, have.get(term["key"])) for term in selector.get("matchExpressions") or ()
    )


def _expression(term: Json, value: str | None) -> bool:
    match term["operator"]:
        case "In":
            return value in term["values"]
        case "NotIn":
            return value not in term["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(term["values"][0])
        case "Lt":
            return value is not None and int(value) < int(term["values"][0])
        case other:
            raise ValueError(f"a selector has the unknown operator {other!r}")


def quantity(text: str | int | float | None) -> Decimal:
    """Read a resource quantity such as ``250m`` or ``1Gi``.

    Raises:
        ValueError: If the text is no quantity.
    """
    raw = str(text or "0").strip()
    number = raw.rstrip("numkKMGTPEi")
    try:
        return Decimal(number) * _SUFFIXES[raw[len(number) :]]
    except (InvalidOperation, KeyError):
        try:
            return Decimal(raw)
        except InvalidOperation:
            raise ValueError(f"{raw!r} is not a quantity such as 250m or 1Gi") from None


def share(value: str | int | None, total: int, *, up: bool) -> int:
    """Resolve an IntOrString such as ``25%`` against `total`.

    Args:
        value: The number, the percentage, or None for 0.
        total: What a percentage refers to.
        up: Round a percentage up, else down.
    """
    if value is None:
        return 0
    if isinstance(value, str) and value.endswith("%"):
        exact = int(value[:-1]) * total / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(value)


def canonical(obj: Any) -> str:
    """Return the one JSON text of a value."""
    return json.dumps(obj, sort_keys=True, separators=(",", ":"))


def digest(obj: Any, salt: int = 0) -> str:
    """Hash a value into the form of ``pod-template-hash``: FNV-1a in name-safe letters."""
    value = 2166136261
    for byte in canonical(obj).encode() + (str(salt).encode() if salt else b""):
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return "".join(ALPHABET[ord(letter) % len(ALPHABET)] for letter in str(value))


def condition(status: Json, kind: str) -> Json | None:
    """Return the condition of that type, if any."""
    for item in status.get("conditions") or ():
        if item["type"] == kind:
            return item  # type: ignore[no-any-return]
    return None


def is_true(status: Json, kind: str) -> bool:
    """Whether the condition of that type is there and True."""
    item = condition(status, kind)
    return item is not None and item["status"] == "True"


def with_condition(
    conditions: Iterable[Json],
    kind: str,
    value: str,
    now: str,
    *,
    reason: str = "",
    message: str = "",
    touch: str = "",
) -> list[Json]:
    """Return the conditions with one set.

    ``lastTransitionTime`` moves only when the status does. `touch` names a further time field
    (``lastUpdateTime``), which moves when anything changes.
    """
    kept = list(conditions)
    old = next((item for item in kept if item["type"] == kind), None)
    new: Json = {"type": kind, "status": value}
    if reason:
        new["reason"] = reason
    if message:
        new["message"] = message
    same = old is not None and all(old.get(k, "") == new.get(k, "") for k in _WORDS)
    if same:
        return kept
    if touch:
        new[touch] = now
    flipped = old is None or old["status"] != value
    new["lastTransitionTime"] = now if flipped or old is None else old["lastTransitionTime"]
    if old is None:
        return [*kept, new]
    return [new if item is old else item for item in kept]


_WORDS = ("status", "reason", "message")


def pod_ready(pod: Json) -> bool:
    """Whether the pod's Ready condition is True."""
    return is_true(pod.get("status") or {}, "Ready")


def pod_active(pod: Json) -> bool:
    """Whether the pod still counts for its controller: neither ended nor being deleted."""
    return not deleting(pod) and (pod.get("status") or {}).get("phase") not in (
        "Succeeded",
        "Failed",
    )


def pod_available(pod: Json, min_ready: int, now: datetime) -> float | None:
    """Return 0 if the pod is available, the seconds left until it is, None if not ready.

    Args:
        pod: The pod.
        min_ready: ``minReadySeconds`` of its controller.
        now: The present.
    """
    ready = condition(pod.get("status") or {}, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if not min_ready:
        return 0.0
    since = (now - parse_timestamp(ready["lastTransitionTime"])).total_seconds()
    return max(0.0, min_ready - since)
