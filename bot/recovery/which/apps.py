"""From an app's configuration to what Velero is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from bot.context import Cluster, Scope, Target
from bot.errors import Refused
from bot.releases.targets import AppRef, app_ref, apps_on, check_cluster
from integrations.velero import names
from integrations.velero.models import BackupSpec

if TYPE_CHECKING:
    from bot.config import Config
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup

APP_LABEL = "onprem.io/app"
CLUSTER_LABEL = "onprem.io/cluster"
"""Where a backup was made: clusters that share a bucket see each other's."""
ASKER_ANNOTATION = "onprem.io/asked-by"
JOB_ANNOTATION = "onprem.io/job"
RIGHTS = {"onprem.io/rights": "app"}
"""The label of the bot's RoleBinding in an app's namespace (deploy/rbac.yaml)."""


def velero_of(cluster: Cluster) -> Velero:
    """Velero as the configuration says where it lives; nothing is asked yet."""
    from integrations.velero.client import Velero

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
    """What a backup takes: the app's objects, Helm's record of the release, the bot's rights.

    Without the record, a restored app would be unknown to Helm; without the rights, the bot could
    not look at what it has restored when the whole namespace was gone.
    """
    return app_selector(ref), {"owner": "helm", "name": ref.release}, RIGHTS


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
        labels={APP_LABEL: ref.name, CLUSTER_LABEL: ref.cluster},
    )


def check_configured(ref: AppRef) -> None:
    """Makes sure that the app says how it is backed up.

    Raises:
        Refused: It does not.
    """
    if ref.config.backup is None:
        raise Refused(
            f"App {ref.name} has no backup settings",
            why="its backups would have no name of their own and might miss objects",
            hint=f"Give it `backup: {{name: {ref.name}-backup, selector: …}}` in onprem.yaml",
        )


class _NamesBackup(Protocol):
    @property
    def backup(self) -> str: ...
    @property
    def cluster(self) -> str: ...


def owner_of(config: Config, word: str, cluster: str) -> AppRef | None:
    """The app that a word means: its own name, what its backups are called, or one of these.

    Pure: by the configuration alone. None when it is no app's, or could be of several.
    """
    apps = apps_on(config, cluster)
    for ref in apps:
        if ref.name == word:
            return ref
    fitting = [r for r in apps if word == base_name(r) or names.is_stamped(word, base_name(r))]
    return fitting[0] if len(fitting) == 1 else None


def backup_target(scope: Scope, p: _NamesBackup) -> Target:
    """`target=` of commands about a backup: its app where its name tells, else the cluster."""
    return word_target(scope, p.backup, p.cluster)


def word_target(scope: Scope, word: str, cluster: str) -> Target:
    """The app that a backup's or schedule's name belongs to, else the cluster.

    Raises:
        UsageError: The cluster is unknown.
    """
    if word in scope.config.apps:
        return app_ref(scope.config, word, cluster, scope.cluster).target
    chosen = check_cluster(scope.config, cluster or scope.cluster)
    owner = owner_of(scope.config, word, chosen)
    return owner.target if owner else Target(chosen)


def bases_of(config: Config, cluster: str) -> dict[str, str]:
    """App → what its backups are called, for all apps of a cluster."""
    return {ref.name: base_name(ref) for ref in apps_on(config, cluster)}


def safety_base(base: str) -> str:
    """What backups are called that `restore --replace` makes of what it is about to delete."""
    return f"{base}-safety"


def of_cluster(labels: Mapping[str, str], cluster: str) -> bool:
    """Whether a backup is a cluster's own, by its label; one without may be."""
    return labels.get(CLUSTER_LABEL, cluster) == cluster


def backs(backup: Backup, app: str, base: str, cluster: str) -> bool:
    """Whether a backup is one of an app's own in a cluster: by its labels, else by its name.

    Safety backups are not: what was worth replacing is nothing to go back to unasked.
    """
    if names.is_stamped(backup.name, safety_base(base)) or not of_cluster(backup.labels, cluster):
        return False
    owner = backup.labels.get(APP_LABEL)
    return owner == app if owner else names.is_stamped(backup.name, base)


def app_of(config: Config, cluster: str, name: str, labels: Mapping[str, str]) -> str:
    """The app of this cluster that a backup is of; empty when unknown, or another cluster's."""
    return app_named(config, cluster, name, labels) if of_cluster(labels, cluster) else ""


def app_named(config: Config, cluster: str, name: str, labels: Mapping[str, str]) -> str:
    """The app that a backup is of, wherever it was made: by its label, else by its name."""
    if labels.get(APP_LABEL) in {ref.name for ref in apps_on(config, cluster)}:
        return labels[APP_LABEL]
    owner = owner_of(config, name, cluster)
    return owner.name if owner else ""


def check_owner(target: Target, name: str, labels: Mapping[str, str]) -> None:
    """Makes sure that a backup is of the app under whose name permission was given.

    A name alone could be chosen to look like another app's.

    Raises:
        Refused: Its label names another app.
    """
    said = labels.get(APP_LABEL, target.app)
    if target.app and said != target.app:
        raise Refused(
            f"Backup {name} is of {said}, although it is called as those of {target.app}",
            hint="Somebody who may do this in the whole cluster has to look at it",
        )


def elsewhere(scope: Scope, cluster: str) -> str:
    """` --cluster spare` for offered commands, where they would not mean that cluster anyway."""
    return "" if cluster == scope.cluster else f" --cluster {cluster}"
