"""`apps`: what is configured, and what of it is deployed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Role,
    Table,
    Title,
    command,
)
from bot.releases.errors import as_words
from bot.releases.live import releases_in
from bot.releases.targets import (
    AppRef,
    apps_on,
    check_cluster,
)
from bot.releases.words import count

if TYPE_CHECKING:
    from integrations.helm.models import Release


@dataclass(frozen=True)
class Apps:
    """What `apps` takes."""

    cluster: Annotated[str, Arg("Only this cluster", flag=True, complete="clusters")] = ""


@dataclass(frozen=True)
class AppLine:
    """One app on one cluster; `state` is helm's word, or why it is not known."""

    name: str
    cluster: str
    namespace: str
    release: str
    version: str
    state: str
    description: str


@dataclass(frozen=True)
class AppList:
    """The configured apps."""

    apps: tuple[AppLine, ...]


def view_apps(result: AppList, now: int) -> Document:
    """A table of apps."""
    rows = tuple(
        (a.name, a.cluster, a.namespace, a.release, a.version, a.state, a.description)
        for a in result.apps
    )
    first = result.apps[0].name if result.apps else ""
    return Document.of(
        Title(count(len(rows), "app")),
        Table(
            ("app", "cluster", "namespace", "release", "version", "state", "what it is"),
            rows,
            empty="no app is configured; add one under `apps` in onprem.yaml",
        ),
        Actions((Button("Status", "run", command=f"status {first}"),)) if first else None,
    )


@command("apps", effect=Effect.READ, role=Role.VIEWER, params=Apps, view=view_apps)
async def apps(ctx: Ctx, p: Apps) -> AppList:
    """List the configured apps with cluster, release and version."""
    names = [check_cluster(ctx.config, p.cluster)] if p.cluster else sorted(ctx.config.clusters)
    found = await asyncio.gather(*(_apps_of(ctx, name) for name in names))
    return AppList(tuple(line for lines in found for line in lines))


async def _apps_of(ctx: Ctx, cluster: str) -> list[AppLine]:
    refs = apps_on(ctx.config, cluster)
    if not refs:
        return []
    try:
        releases = await releases_in(
            ctx.clusters(cluster), ((ref.namespace, ref.release) for ref in refs)
        )
    except Exception as error:
        unknown = as_words(error)
        return [_line(ref, None, unknown) for ref in refs]

    def line(ref: AppRef) -> AppLine:
        unread = releases.unread.get(ref.namespace)
        otherwise = "not deployed" if unread is None else as_words(unread)
        return _line(ref, releases.found.get((ref.namespace, ref.release)), otherwise)

    return [line(ref) for ref in refs]


def _line(ref: AppRef, release: Release | None, otherwise: str) -> AppLine:
    return AppLine(
        ref.name,
        ref.cluster,
        ref.namespace,
        ref.release,
        release.app_version if release else "",
        f"{release.status}, revision {release.revision}" if release else otherwise,
        ref.config.description,
    )


COMMANDS = (apps,)
