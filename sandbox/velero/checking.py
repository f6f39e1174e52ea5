"""What is wrong with a Restore before it runs."""

from __future__ import annotations

from typing import Any

from sandbox.velero import modifiers
from sandbox.velero.backups import phase_of
from sandbox.velero.definitions import BACKUPS
from sandbox.velero.modifiers import BadModifier
from sandbox.velero.restoring import NEVER
from sandbox.velero.selecting import both_selectors, contradictions
from sandbox.velero.site import NAMESPACE, Site, available

Json = dict[str, Any]


def problems(site: Site, restore: Json, rules: list[Json]) -> list[str]:
    """Complete a Restore's spec; returns what is wrong with it, in Velero's words.

    ``rules`` receives what its modifiers say.
    """
    spec = restore["spec"]
    left = list(spec.get("excludedResources") or ())
    spec["excludedResources"] = left + [kind for kind in NEVER if kind not in left]
    taken = spec.get("includedResources") or ()
    found = [f"{kind} are non-restorable resources" for kind in NEVER if kind in taken]
    for head, includes, excludes in (
        ("resource", taken, spec["excludedResources"]),
        ("namespace", spec.get("includedNamespaces"), spec.get("excludedNamespaces")),
    ):
        for text in contradictions(includes or (), excludes or ()):
            found.append(f"Invalid included/excluded {head} lists: {text}")
    if spec.get("orLabelSelectors") is not None and spec.get("labelSelector") is not None:
        found.append(both_selectors("restore"))
    if bool(spec.get("backupName")) == bool(spec.get("scheduleName")):
        return [*found, "Either a backup or schedule must be specified as a source for the "
                "restore, but not both"]  # fmt: skip
    policy = spec.get("existingResourcePolicy") or ""
    if policy not in ("", "none", "update"):
        found.append(f"Invalid ExistingResourcePolicy: {policy}")
    if spec.get("scheduleName"):
        newest = _newest(site, spec["scheduleName"])
        if newest is None:
            return [*found, "No completed backups found for schedule"]
        spec["backupName"] = newest
    return found + _source_problems(site, restore, rules)


def _newest(site: Site, schedule: str) -> str | None:
    made = [
        backup for backup in site.store.scan(BACKUPS, NAMESPACE)
        if (backup["metadata"].get("labels") or {}).get("velero.io/schedule-name") == schedule
        and phase_of(backup) == "Completed"
    ]  # fmt: skip
    newest = max(made, key=lambda b: b["status"].get("startTimestamp", ""), default=None)
    return None if newest is None else str(newest["metadata"]["name"])


def _source_problems(site: Site, restore: Json, rules: list[Json]) -> list[str]:
    name = restore["spec"]["backupName"]
    backup = site.peek(BACKUPS, name)
    if backup is None:
        return [
            f"Error retrieving backup: can't find backup {NAMESPACE}/{name}: "
            f'backups.velero.io "{name}" not found'
        ]
    place = backup["spec"].get("storageLocation", "")
    location = site.location(place)
    if location is None:
        why = f'backupstoragelocations.velero.io "{place}" not found'
        return [f"Error retrieving backup: {why}"]
    if not available(location):
        return [f"The BSL {place} is unavailable, cannot retrieve the backup"]
    schedule = (backup["metadata"].get("labels") or {}).get("velero.io/schedule-name")
    if schedule and not restore["spec"].get("scheduleName"):
        restore["spec"]["scheduleName"] = schedule
    try:
        rules += modifiers.read(site, restore)
    except BadModifier as error:
        return [str(error)]
    return []
