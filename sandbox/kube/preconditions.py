"""Which object a write is about: uid and resourceVersion as the server compares them."""

from __future__ import annotations

from sandbox.kube import errors
from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import Resource


def check_current(resource: Resource, meta: Json, old: Json) -> None:
    """Refuses a write that names another uid or resourceVersion than the stored object has."""
    name, before = str(meta.get("name")), old["metadata"]
    if meta.get("uid") and meta["uid"] != before["uid"]:
        where = "/".join(part for part in (resource.plural, meta.get("namespace"), name) if part)
        why = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{where}, "
            "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
            f"{meta['uid']}, UID in object meta: {before['uid']}"
        )
        raise errors.conflict(resource.group, resource.plural, name, why)
    given = meta.get("resourceVersion")
    if given and given != before["resourceVersion"]:
        raise errors.conflict(resource.group, resource.plural, name)


def check_preconditions(
    resource: Resource, old: Json, uid: str | None, resource_version: str | None
) -> None:
    """Refuses a delete whose preconditions do not hold."""
    meta = old["metadata"]
    version = meta["resourceVersion"]
    for what, wanted, actual, fate in (
        ("UID", uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", resource_version, version, "modified"),
    ):
        if wanted and wanted != actual:
            why = (
                f"the {what} in the precondition ({wanted}) does not match the {what} in record "
                f"({actual}). The object might have been {fate}"
            )
            raise errors.conflict(resource.group, resource.kind, meta["name"], why)
