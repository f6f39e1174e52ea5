"""Delete as the API does it: options, what they lead to, and what is answered."""

from __future__ import annotations

from sandbox.kube import convert, errors
from sandbox.kube.jsonutil import Json
from sandbox.kube.requests import Target
from sandbox.kube.resources import NAMESPACES
from sandbox.kube.store import Store

_KEPT_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})
_ORPHANING = frozenset({"jobs.batch", "replicationcontrollers"})


def delete_object(store: Store, target: Target, options: Json) -> Json:
    """Delete an object and return what the API answers: the object, or a Status.

    ``options`` is a ``metav1.DeleteOptions`` that was checked.

    Raises:
        ApiError: As the real server refuses.
    """
    kept = convert.stored_form(target.resource)
    if kept is NAMESPACES and target.name in _KEPT_NAMESPACES:
        why = "this namespace may not be deleted"
        raise errors.forbidden("", "namespaces", target.name, why)
    propagation = options.get("propagationPolicy")
    if propagation is None and "orphanDependents" in options:
        propagation = "Orphan" if options["orphanDependents"] else "Background"
    if propagation is None and kept.key in _ORPHANING:
        propagation = "Orphan"
    wanted = options.get("preconditions") or {}
    last = store.delete(
        kept,
        target.namespace,
        target.name,
        uid=wanted.get("uid"),
        resource_version=wanted.get("resourceVersion"),
        propagation=propagation,
        grace=options.get("gracePeriodSeconds"),
        dry_run=bool(options.get("dryRun")),
    )
    remaining = store.peek(kept, target.namespace, target.name)
    if remaining is not None and not options.get("dryRun"):
        return convert.from_stored(target.resource, last)
    details = {"name": target.name, "kind": kept.plural, "uid": last["metadata"]["uid"]}
    if kept.group:
        details["group"] = kept.group
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }
