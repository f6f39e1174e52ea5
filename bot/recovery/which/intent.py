"""What the words of `restore` mean. Pure: by the configuration alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.context import Scope, Target
from bot.errors import Refused, UsageError
from bot.recovery.which.apps import bases_of, owner_of
from bot.releases.targets import AppRef, app_ref, check_cluster
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.config import Config
    from integrations.velero.models import Backup


class Words(Protocol):
    """Parameters of `restore` that tell what goes where."""

    @property
    def backup(self) -> str: ...  # noqa: D102
    @property
    def to(self) -> str: ...  # noqa: D102
    @property
    def cluster(self) -> str: ...  # noqa: D102
    @property
    def replace(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be restored where, as far as the words tell.

    Attributes:
        word: A backup, a series or an app, as it was typed.
        cluster: Where it goes.
        app: The app that the word names; None when only the backup tells what it holds.
        homes: Other clusters whose backup it may be, where this one has none that fits.
        to: Namespace asked for; empty for where it came from.
        bases: The cluster whose apps a series may belong to.
        home: The other cluster that the chosen backup is of; empty when it is this one's own.
    """

    word: str
    cluster: str
    app: AppRef | None
    homes: tuple[str, ...] = ()
    to: str = ""
    bases: str = ""
    home: str = ""

    @property
    def in_place(self) -> bool:
        """The app goes back to where the configuration has it."""
        return self.app is not None and not self.home and self.to in ("", self.app.namespace)

    @property
    def target(self) -> Target:
        """Permission scope and lock: the app in its place, else the namespace or the cluster."""
        if self.app is not None and self.to in ("", self.app.namespace):
            return Target(self.cluster, self.app.namespace, self.app.name)
        return Target(self.cluster, self.to)


def restore_target(scope: Scope, p: Words) -> Target:
    """`target=` of `restore`."""
    return intent(scope, p).target


def intent(scope: Scope, p: Words) -> Intent:
    """Reads the words.

    Raises:
        UsageError: The cluster is unknown or ambiguous, or `--replace` cannot mean this.
    """
    config = scope.config
    if p.cluster:
        check_cluster(config, p.cluster)
    ref = _named(config, p.backup, p.cluster, scope.cluster)
    cluster = p.cluster or (ref.cluster if ref else scope.cluster)
    if ref is None:
        homes = tuple({config.default_cluster} - {cluster, ""})
        found = Intent(p.backup, cluster, None, homes, p.to, next(iter(homes), cluster))
    else:
        places = ref.config.clusters or (config.default_cluster,)
        bases = cluster if cluster in places else places[0]
        homes = tuple(place for place in places if place != cluster and not p.replace)
        found = Intent(p.backup, cluster, AppRef(ref.name, cluster, ref.config), homes, p.to, bases)
    if p.replace and not (found.in_place and found.bases == cluster):
        raise UsageError(
            "--replace makes room for an app in its own namespace",
            why="without that, nothing tells which objects may be deleted",
            hint="Name the app, and leave out --to and any cluster that it is not configured for",
        )
    return found


def _named(config: Config, word: str, cluster: str, default: str) -> AppRef | None:
    """The app that a word names: itself, its series, or a backup called like one of them."""
    if word in config.apps:
        places = config.apps[word].clusters or (config.default_cluster,)
        return app_ref(config, word, cluster if cluster in places else "", default)
    for place in dict.fromkeys((cluster or default, *config.clusters)):
        if place in config.clusters and (found := owner_of(config, word, place)):
            return found
        if place in config.clusters and (found := _begins(config, word, place)):
            return found
    return None


def _begins(config: Config, word: str, cluster: str) -> AppRef | None:
    """The app whose series a backup's name begins with, such as `parseserver-backup-safety-…`."""
    bases = bases_of(config, cluster)
    longest = max((b for b in bases.values() if word.startswith(f"{b}-")), key=len, default="")
    fitting = [name for name, base in bases.items() if base == longest]
    return AppRef(fitting[0], cluster, config.apps[fitting[0]]) if len(fitting) == 1 else None


def places(wanted: Intent, backup: Backup, held: Collection[str]) -> dict[str, str]:
    """Namespace in the backup → namespace here, for all that is restored.

    Args:
        wanted: What was asked for.
        backup: The one chosen.
        held: Namespaces of the objects in it.

    Raises:
        Refused: The backup does not hold the app's namespace, or holds several for `--to`.
    """
    sources = sorted(held)
    if not sources:
        raise Refused(
            f"Backup {backup.name} holds nothing that could be restored",
            hint="`backup list` shows the others",
        )
    if wanted.app is not None:
        home = wanted.app.namespace
        source = home if home in sources else sources[0] if len(sources) == 1 else ""
        if not source:
            raise Refused(
                f"Backup {backup.name} holds nothing of namespace {home}",
                why=f"it holds {listed(sources, 6)}",
                hint="Somebody who may do this in the whole cluster can restore it by its name",
            )
        return {source: wanted.to or home}
    if wanted.to and len(sources) > 1:
        raise Refused(
            f"Backup {backup.name} holds {len(sources)} namespaces, which do not fit into one",
            why=f"they are {listed(sources, 6)}",
            hint="Leave out --to, or restore an app's own backup",
        )
    return {source: wanted.to or source for source in sources}


def moved(mapping: Mapping[str, str]) -> dict[str, str]:
    """Only those namespaces that change their name."""
    return {source: place for source, place in mapping.items() if source != place}


def shares_namespace(config: Config, ref: AppRef, cluster: str) -> Sequence[str]:
    """Other apps that live in the same namespace."""
    return tuple(
        name
        for name, app in sorted(config.apps.items())
        if name != ref.name
        and app.namespace == ref.namespace
        and cluster in (app.clusters or (config.default_cluster,))
    )
