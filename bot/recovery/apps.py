"""From an app's configuration to what Velero is asked for."""

from __future__ import annotations

from bot.context import Cluster
from bot.errors import Refused
from bot.releases.targets import AppRef
from integrations.velero.client import Velero
from integrations.velero.models import BackupSpec

APP_LABEL = "onprem.io/app"
ASKER_ANNOTATION = "onprem.io/asked-by"
JOB_ANNOTATION = "onprem.io/job"


def velero_of(cluster: Cluster) -> Velero:
    """Velero as the configuration says where it lives; nothing is asked yet."""
    return Velero(cluster.kube, cluster.config.velero_namespace)


def base_name(ref: AppRef) -> str:
    """What the app's backups are called, before the time: `parseserver-backup`."""
    return ref.config.backup.name if ref.config.backup else f"{ref.name}-backup"


def app_selector(ref: AppRef) -> dict[str, str]:
    """The labels that every object of the app carries.

    Without a selector in the configuration it is Helm's usual one, which most charts give to
    what they make (https://helm.sh/docs/chart_best_practices/labels/).
    """
    if ref.config.backup and ref.config.backup.selector:
        pairs = (pair.partition("=") for pair in ref.config.backup.selector.split(","))
        return {key: value for key, _, value in pairs}
    return {"app.kubernetes.io/instance": ref.release}


def selectors(ref: AppRef) -> tuple[dict[str, str], ...]:
    """What a backup takes: the app's objects, and Helm's record of the release.

    Without the record, a restored app would be unknown to Helm.
    """
    return app_selector(ref), {"owner": "helm", "name": ref.release}


def backup_spec(ref: AppRef, *, ttl: int | None = None) -> BackupSpec:
    """What to ask for when the app is backed up.

    Args:
        ref: The app.
        ttl: Seconds that it is kept; the configuration's unless given.
    """
    settings = ref.config.backup
    volumes = settings.volumes if settings else "copy"
    return BackupSpec(
        namespaces=(ref.namespace,),
        selectors=selectors(ref),
        location=settings.storage if settings else "",
        ttl=ttl if ttl is not None else int(settings.ttl) if settings else None,
        fs_backup=volumes == "copy",
        snapshot_volumes=volumes == "snapshot",
        labels={APP_LABEL: ref.name},
    )


def check_configured(ref: AppRef) -> None:
    """Makes sure that the app says how it is backed up.

    Raises:
        Refused: It does not.
    """
    if ref.config.backup is None:
        raise Refused(
            f"{ref.name} has no backup settings",
            why="its backups would have no name of their own and might miss objects",
            hint=f"Give it `backup: {{name: {ref.name}-backup, selector: …}}` in onprem.yaml",
        )
