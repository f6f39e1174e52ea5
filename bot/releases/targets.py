"""From a word that a person typed to an app or a workload; pure, by the configuration alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.context import Target
from bot.errors import UsageError

if TYPE_CHECKING:
    from bot.config import AliasConfig, AppConfig, Config
    from bot.context import Scope

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("deployment", "deployments", "deploy"), "deployment"),
    **dict.fromkeys(("statefulset", "statefulsets", "sts"), "statefulset"),
    **dict.fromkeys(("daemonset", "daemonsets", "ds"), "daemonset"),
}


class _NamesApp(Protocol):
    @property
    def app(self) -> str: ...
    @property
    def cluster(self) -> str: ...


class _NamesWorkload(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def cluster(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AppRef:
    """A configured app on one of its clusters."""

    name: str
    cluster: str
    config: AppConfig

    @property
    def namespace(self) -> str:
        """Where its release lives."""
        return self.config.namespace

    @property
    def release(self) -> str:
        """Its Helm release."""
        return self.config.release or self.name

    @property
    def target(self) -> Target:
        """The scope of its permission and of its lock."""
        return Target(self.cluster, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """What a word means as a workload.

    Attributes:
        word: As it was typed.
        cluster: Where it is.
        namespace: Empty when only the cluster can tell.
        kind: `deployment`, `statefulset`, `daemonset`, or empty when only the cluster can tell.
        name: The object's name; empty when the word names a whole app.
        app: The app that owns it, when one does.
        alias: The app's alias for it, with what to persist.
    """

    word: str
    cluster: str
    namespace: str = ""
    kind: str = ""
    name: str = ""
    app: AppRef | None = None
    alias: AliasConfig | None = None


def app_ref(config: Config, name: str, cluster: str, default: str) -> AppRef:
    """Finds a configured app and the cluster meant.

    Args:
        config: The configuration.
        name: The app's name.
        cluster: What `--cluster` said, or empty.
        default: The request's cluster: the channel's, else the configured default.

    Raises:
        UsageError: If there is no such app, or the cluster is unknown, wrong or ambiguous.
    """
    app = config.apps.get(name)
    if app is None:
        raise _unknown("app", name, config.apps)
    places = app.clusters or (config.default_cluster or default,)
    if cluster:
        check_cluster(config, cluster)
        if cluster not in places:
            where = _listed(places)
            raise UsageError(f"{name} is not on cluster {cluster}", why=f"it is on {where}")
        return AppRef(name, cluster, app)
    if default in places:
        return AppRef(name, default, app)
    if len(places) == 1:
        return AppRef(name, places[0], app)
    raise UsageError(
        f"{name} is on several clusters", hint=f"Add --cluster with one of {_listed(places)}"
    )


def apps_on(config: Config, cluster: str) -> tuple[AppRef, ...]:
    """The apps configured for a cluster, by name."""
    return tuple(
        AppRef(name, cluster, app)
        for name, app in sorted(config.apps.items())
        if cluster in (app.clusters or (config.default_cluster,))
    )


def check_cluster(config: Config, cluster: str) -> str:
    """Returns the name when such a cluster is configured.

    Raises:
        UsageError: If it is not.
    """
    if cluster not in config.clusters:
        raise _unknown("cluster", cluster, config.clusters)
    return cluster


def workload_ref(config: Config, word: str, namespace: str, cluster: str) -> WorkloadRef:
    """Finds what a word means: `deployment/web`, `parse/mongodb`, an alias, an app, or a name.

    Args:
        config: The configuration.
        word: As it was typed.
        namespace: What `--namespace` said, or empty.
        cluster: The cluster meant.

    Raises:
        UsageError: If an alias is in several apps (the candidates are listed), or a raw workload
            has no namespace.
    """
    check_cluster(config, cluster)
    apps = apps_on(config, cluster)
    if namespace:
        apps = tuple(app for app in apps if app.namespace == namespace)
    first, slash, second = word.partition("/")
    if slash and first.lower() in KINDS and second:
        return _raw(apps, WorkloadRef(word, cluster, namespace, KINDS[first.lower()], second))
    if slash:
        return _alias_of(apps, word, cluster, first, second)
    owners = [app for app in apps if word in app.config.aliases]
    if len(owners) > 1:
        choices = _listed(f"{app.name}/{word}" for app in owners)
        raise UsageError(f"{word} is an alias in several apps", hint=f"Say which: {choices}")
    if owners:
        return _by_alias(owners[0], word, word)
    for app in apps:
        if app.name == word:
            return WorkloadRef(word, cluster, app.namespace, app=app)
    return _raw(apps, WorkloadRef(word, cluster, namespace, "", word))


def owner_target(ref: WorkloadRef, config: Config) -> Target:
    """Permission scope and lock of a workload.

    The app's when one app owns its namespace, the namespace when several do, else its own.
    """
    if ref.app is not None:
        return ref.app.target
    if not ref.namespace:
        return Target(ref.cluster)
    owners = [app for app in apps_on(config, ref.cluster) if app.namespace == ref.namespace]
    if len(owners) == 1:
        return owners[0].target
    if owners or not ref.kind:
        return Target(ref.cluster, ref.namespace)
    return Target(ref.cluster, ref.namespace, f"{ref.kind}-{ref.name}")


def app_target(scope: Scope, p: _NamesApp) -> Target:
    """`target=` of commands that take an app."""
    return app_ref(scope.config, p.app, p.cluster, scope.cluster).target


def workload_target(scope: Scope, p: _NamesWorkload) -> Target:
    """`target=` of commands that take an app, an alias or a workload."""
    return owner_target(resolve_workload(scope, p), scope.config)


def resolve_workload(scope: Scope, p: _NamesWorkload) -> WorkloadRef:
    """What the word of a command means; an app elsewhere is found when it is on one cluster."""
    cluster = p.cluster or scope.cluster
    if not p.cluster and p.name in scope.config.apps:
        cluster = app_ref(scope.config, p.name, "", scope.cluster).cluster
    return workload_ref(scope.config, p.name, p.namespace, cluster)


def _raw(apps: tuple[AppRef, ...], ref: WorkloadRef) -> WorkloadRef:
    """Completes a raw workload with what the configuration knows about it."""
    path = f"{ref.kind}/{ref.name}"
    aliased = [
        (app, alias)
        for app in apps
        for alias in app.config.aliases.values()
        if alias.workload == path and ref.namespace in ("", app.namespace)
    ]
    if len(aliased) == 1:
        app, alias = aliased[0]
        return WorkloadRef(ref.word, ref.cluster, app.namespace, ref.kind, ref.name, app, alias)
    namespaces = {app.namespace for app in apps}
    namespace = ref.namespace or (namespaces.pop() if len(namespaces) == 1 else "")
    if ref.kind and not namespace:
        raise UsageError(
            f"The namespace of {ref.word} is not clear", hint="Add it with --namespace NAME"
        )
    owners = [app for app in apps if app.namespace == namespace]
    owner = owners[0] if len(owners) == 1 else None
    return WorkloadRef(ref.word, ref.cluster, namespace, ref.kind, ref.name, owner)


def _alias_of(
    apps: tuple[AppRef, ...], word: str, cluster: str, name: str, alias: str
) -> WorkloadRef:
    app = next((app for app in apps if app.name == name), None)
    if app is None:
        raise UsageError(
            f"{word} names no workload on {cluster}",
            why=f"{name} is neither an app there nor a kind of workload",
            hint="Write deployment/NAME, statefulset/NAME, APP/ALIAS or an app's name",
        )
    if alias not in app.config.aliases:
        raise _unknown(f"alias of {name}", alias, app.config.aliases)
    return _by_alias(app, word, alias)


def _by_alias(app: AppRef, word: str, name: str) -> WorkloadRef:
    alias = app.config.aliases[name]
    kind, _, workload = alias.workload.partition("/")
    return WorkloadRef(
        word, app.cluster, app.namespace, KINDS.get(kind.lower(), kind), workload, app, alias
    )


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"Known: {_listed(names)}" if names else ""
    return UsageError(f"There is no {what} called {name}", hint=hint)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
