"""Everything that the plan of a restore is made of; only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.recovery.backups.proof import Evidence, Proof, prove
from bot.recovery.restores import conflicts
from bot.recovery.restores.copying import Reach, reach
from bot.recovery.restores.elsewhere import (
    Known,
    ask_others,
    check_available,
    home_of,
    known_backups,
    none_found,
    shared_location,
)
from bot.recovery.restores.prepared import Asked, Prepared
from bot.recovery.restores.retained import Stuck, remade, stuck
from bot.recovery.restores.room import Room, room
from bot.recovery.restores.surveying import Survey, all_of, survey
from bot.recovery.restores.unseen import check_plain, look
from bot.recovery.which.apps import app_of, bases_of, check_owner, elsewhere, selectors, velero_of
from bot.recovery.which.choosing import Choice, choose, fitting
from bot.recovery.which.intent import Intent, intent, places, shares_namespace
from bot.recovery.which.owners import refuse_owned
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx
    from integrations.velero.client import Velero
    from integrations.velero.contents import Saved
    from integrations.velero.errors import OutOfSight
    from integrations.velero.models import Backup, Location


async def prepare(ctx: Ctx, p: Asked) -> Prepared:
    """Finds the backup and looks at the cluster.

    Raises:
        UsageError: The words mean nothing that is there.
        Refused: It must not be restored now, with the reason.
        VeleroError: There is no Velero, its server is away, or the store gives nothing.
    """
    from integrations.velero.errors import OutOfSight

    wanted = intent(ctx.scope, p)
    cluster = ctx.clusters(wanted.cluster)
    here = velero_of(cluster)
    known, choice = await _choice(ctx, wanted, here)
    backup = choice.backup
    wanted = replace(wanted, home=home_of(backup, wanted.cluster, wanted.homes, known))
    _check_app(ctx, wanted, backup)
    location, reader = await _where(ctx, here, known, wanted, backup)
    try:
        saved = await _contents(reader, backup, p.to)
    except OutOfSight as error:
        check_plain(p, wanted, backup, error)
        return await _unseen(ctx, wanted, choice, known, location, reader, error)
    held = {one.namespace for one in saved if one.namespace}
    mapping = places(wanted, backup, held)
    resources = conflicts.chosen_resources(p.only, saved)
    objects = conflicts.taken(saved, set(mapping), resources)
    if not objects:
        raise Refused(f"Backup {backup.name} holds nothing of what was asked for")
    proof = await _proof(reader, backup, objects)
    space = await _room(cluster, wanted, mapping, proof, objects) if p.replace else None
    found = await survey(
        cluster.kube,
        objects,
        mapping,
        source=backup.source_version,
        keep_ports=wanted.in_place,
        gone=space.uids if space else (),
    )
    _check(found, mapping)
    ties = await _tied(cluster, saved, objects, mapping, proof, found)
    reached = await reach(cluster.kube, objects, mapping) if p.to else Reach()
    if space is not None and ties["waiting"]:
        _refuse_retained(ties["waiting"])
    return Prepared(
        wanted,
        choice,
        mapping,
        resources,
        _narrowed(ctx, wanted, backup),
        found,
        proof,
        space,
        location,
        backup.name not in known.names,
        known.troubles,
        elsewhere(ctx.scope, wanted.cluster),
        **ties,
        reach=reached,
    )


async def _tied(
    cluster: Cluster,
    saved: Sequence[Saved],
    objects: Sequence[Saved],
    mapping: Mapping[str, str],
    proof: Proof,
    found: Survey,
) -> dict[str, Any]:
    """What becomes of claims that are tied to volumes with the policy Retain, as `Prepared`."""
    volumes = await all_of(cluster.kube, "v1", "persistentvolumes", "PersistentVolume")
    kept = (*objects, *(o for o in saved if o.resource == conflicts.VOLUMES))
    orphaned = stuck(kept, mapping, proof, volumes)
    again = remade(kept, mapping, proof, volumes)
    return {
        "waiting": tuple(one for one in orphaned if one.claim not in found.claims),
        "fixed": tuple(one.claim for one in orphaned if one.claim in found.claims),
        "remade": tuple(one for one in again if one.claim not in found.claims),
    }


async def _choice(ctx: Ctx, wanted: Intent, here: Velero) -> tuple[Known, Choice]:
    """The backup: of the cluster's own, else of those that other clusters of the app made."""
    bases, word = bases_of(ctx.config, wanted.bases), wanted.word
    known = await known_backups(here)

    def place() -> str | None:
        places = (wanted.cluster, *wanted.homes)
        return next((x for x in places if fitting(word, known.backups, bases, x)), None)

    found = place()
    if found != wanted.cluster and wanted.homes:  # theirs: they may know of newer ones
        known = await ask_others(known, [velero_of(ctx.clusters(x)) for x in wanted.homes])
        found = place()
    if found is None and known.troubles:
        raise await none_found(here, known.troubles)
    where = elsewhere(ctx.scope, wanted.cluster)
    cluster = found or wanted.cluster
    return known, choose(word, known.backups, bases, ctx.clock(), cluster=cluster, where=where)


def _check_app(ctx: Ctx, wanted: Intent, backup: Backup) -> None:
    """The name of a backup gave the permission; its label must not name another app."""
    if wanted.app is not None:
        check_owner(wanted.target, backup.name, backup.labels)
        owner = app_of(ctx.config, wanted.bases, backup.name, backup.labels)
        if owner and owner != wanted.app.name:
            raise Refused(f"Backup {backup.name} is of {owner}, not of {wanted.app.name}")


async def _where(
    ctx: Ctx, here: Velero, known: Known, wanted: Intent, backup: Backup
) -> tuple[Location | None, Velero]:
    """The location to close to writes, if it is another cluster's backup, and who can read it."""
    if not wanted.home:
        return None, here
    reader, told = here, known.others.get(backup.name)
    if told is None:
        location = await here.location(backup.location)
    else:
        reader = velero_of(ctx.clusters(told))
        location = await shared_location(here, reader, backup)
    check_available(location)
    return location, reader


async def _unseen(
    ctx: Ctx,
    wanted: Intent,
    choice: Choice,
    known: Known,
    location: Location | None,
    reader: Velero,
    error: OutOfSight,
) -> Prepared:
    """The same for a backup that only Velero can read, as far as it can be known."""
    backup, narrowed = choice.backup, _narrowed(ctx, wanted, choice.backup)
    if wanted.app is None:
        raise ValueError("only an app's own backup is restored unseen")
    home = wanted.app.namespace
    kube = ctx.clusters(wanted.cluster).kube
    asked = narrowed or backup.selectors
    found, proof, unseen = await look(kube, reader, backup, home, asked, error)
    _check(found, {home: home})
    return Prepared(
        wanted,
        choice,
        {home: home},
        (),
        narrowed,
        found,
        proof,
        location=location,
        waits=backup.name not in known.names,
        troubles=known.troubles,
        where=elsewhere(ctx.scope, wanted.cluster),
        unseen=unseen,
    )


async def _contents(velero: Velero, backup: Backup, to: str) -> tuple[Saved, ...]:
    """What the backup holds; Secrets too when it may be a copy, which could reach the live app."""
    from integrations.velero.contents import contents

    return await contents(velero, backup, whole=None if to else conflicts.WHOLE)


async def _proof(velero: Velero, backup: Backup, objects: Sequence[Saved]) -> Proof:
    """Which volumes hold data, by what was saved with them: the pods may be gone by now."""
    from integrations.velero.errors import VeleroError

    claims = [(o.namespace, o.name) for o in objects if o.resource == conflicts.CLAIMS]
    if not claims:
        return Proof()
    pods: list[Any] = [o.object for o in objects if o.resource == conflicts.PODS]
    try:
        infos, copies = await asyncio.gather(
            velero.volume_infos(backup.name), velero.volume_backups(backup.name)
        )
    except VeleroError:
        infos, copies = (), await velero.volume_backups(backup.name)
    return prove(Evidence(claims, infos, copies, pods, {}, backup.spec))


async def _room(
    cluster: Cluster,
    wanted: Intent,
    mapping: Mapping[str, str],
    proof: Proof,
    objects: Sequence[Saved],
) -> Room:
    """What goes first: nothing that this backup could not bring back."""
    if wanted.app is None:
        raise ValueError("only an app makes room")
    (namespace,) = mapping.values()
    stored = {one.claim for one in proof.protected}
    space = await room(cluster, wanted.app, namespace, stored)
    if space.held:
        raise Refused(
            f"--replace cannot stop all that uses the volumes of {wanted.app.name}",
            why=f"it does not own what uses {listed(space.held, 3)}",
            hint="Stop that first (of an operator: by its own resource), or label it as the app's; "
            "`restore --to NAMESPACE` makes a copy beside it",
        )
    held = {(one.kind, one.name) for one in objects}
    lost = [w.path for w in space.workloads if (w.kind, w.name) not in held and w.kind in _KEPT]
    if lost:
        raise Refused(
            f"The backup does not hold {listed(lost, 4)}",
            why="--replace would delete what nothing brings back",
            hint="Take a newer backup, delete it yourself, or restore without --replace",
        )
    return space


def _refuse_retained(waiting: Sequence[Stuck]) -> None:
    """Such a volume would belong to the deleted claim, and the new one could not have it."""
    one = waiting[0]
    raise Refused(
        f"--replace cannot refill {listed((w.claim for w in waiting), 4)}",
        why=f"volume {listed((w.volume for w in waiting), 4)} outlives its claim (reclaim policy "
        "Retain), and the backup has no copy of its own of the data",
        hint="Restore without --replace when the volumes may stay as they are. Else scale the app "
        f"to 0, delete the claims (`kubectl -n {one.place} delete pvc {one.claim}`), and restore "
        "without --replace: its plan says how the claims get volumes",
    )


_KEPT = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
"""Workloads that people made; Jobs and single pods come and go."""


def _check(found: Survey, mapping: Mapping[str, str]) -> None:
    what = f"What is in {listed(sorted(set(mapping.values())), 3)}"
    refuse_owned(found.owners, what)
    if found.ending:
        raise Refused(
            f"Namespace {found.ending[0]} is being deleted",
            why="nothing can be made in it until it is gone",
            hint="Wait until it is gone; if it does not go, "
            f"`kubectl describe namespace {found.ending[0]}` says what holds it",
        )


def _narrowed(ctx: Ctx, wanted: Intent, backup: Backup) -> tuple[Mapping[str, str], ...]:
    """In a shared namespace, a backup of everything is narrowed to the app that was allowed."""
    if wanted.app is None or not shares_namespace(ctx.config, wanted.app, wanted.bases):
        return ()
    own = selectors(wanted.app)
    asked = tuple(dict(one) for one in backup.selectors)
    return () if asked and all(one in own for one in asked) else own
