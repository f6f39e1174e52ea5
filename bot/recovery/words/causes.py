"""Why Velero passed over a volume, and what mends it, in words. Pure.

The texts are those of `pkg/podvolume`, `pkg/nodeagent` and `pkg/backup` of Velero 1.18.
"""

from __future__ import annotations

import re

LEFT_OUT = "backup.velero.io/backup-volumes-excludes"
"""The annotation by which a pod leaves volumes out of a backup."""
AGAIN = "then back up again"
"""The end of many a mend."""
UNANNOTATE = (
    f"Take its volume out of `{LEFT_OUT}`, or let a hook dump it into a volume that is copied"
)
_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"daemonset pod not found in running state in node (?P<it>[^\s;]+)",
        "no node agent runs on {it}",
        f"Look at the DaemonSet node-agent in Velero's namespace, {AGAIN}",
    ),
    (
        r"node-?agent|daemonset",
        "Velero's node agent does not run",
        f"Install or start the DaemonSet node-agent in Velero's namespace, {AGAIN}",
    ),
    (
        r"volumesnapshotclass",
        "its storage has no VolumeSnapshotClass",
        "Make one labelled `velero.io/csi-volumesnapshot-class=true`, or set "
        "`backup.volumes: copy` for the app",
    ),
    (
        r"opted out due to annotation in pod (?:[^\s/]+/)?(?P<it>[^\s;]+)",
        "an annotation of pod {it} leaves it out",
        UNANNOTATE,
    ),
    (
        r"declared in pod (?:[^\s/]+/)?(?P<it>[^\s;]+) but not mounted",
        "no container of pod {it} mounts it",
        f"Mount it, or delete the claim, {AGAIN}",
    ),
    (
        r"pod is not running",
        "its pod is not running",
        f"Bring the pod up, {AGAIN}",
    ),
    (
        r"no applicable volumesnapshotter",
        "nothing here can make snapshots of its storage",
        "Set `backup.volumes: copy` for the app, or give Velero a snapshot location or CSI",
    ),
    (r"volume polic", "a volume policy leaves it out", "Change the policy's ConfigMap"),
)


def known(text: str) -> tuple[str, str] | None:
    """The cause and its mend, one clause each; None when Velero's words are not known."""
    for pattern, cause, mend in _REASONS:
        if found := re.search(pattern, text, re.IGNORECASE):
            return cause.format(**found.groupdict()), mend
    return None


def known_cause(text: str) -> str:
    """Why a volume was not saved, in our words; empty when Velero's are not known."""
    found = known(text)
    return found[0] if found else ""
