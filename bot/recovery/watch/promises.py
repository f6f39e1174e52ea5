"""Is what was promised for each app still true: backups that are good, young and kept? Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from bot.alerts import Condition, Item
from bot.alerts.condition import Sentence
from bot.recovery.watch.picture import (
    DAY,
    MINUTE,
    SECOND,
    Known,
    Picture,
    Site,
    age,
    ended_at,
    expired,
    made_at,
)
from bot.recovery.which.apps import app_selector, of_cluster
from bot.recovery.words import wording
from bot.releases.words import count, span
from bot.render.document import Mono, When
from integrations.velero.errors import store_cause

if TYPE_CHECKING:
    from bot.releases.targets import AppRef
    from integrations.velero.models import Backup, Restore

SLACK = 5 * MINUTE
"""Over the recovery point: what a schedule and the backup itself may take to begin."""
EXPIRES_SOON = 3 * DAY
TENTH = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look at a promise says: broken, kept, or not to be told."""

    key: str
    broken: Condition | None = None
    well: Sentence = ()
    unsure: bool = False


def promises(site: Site, picture: Picture, known: Known) -> Iterator[Verdict]:
    """Looks at all promises."""
    groups = _groups(site, picture)
    for (kind, name), backups in groups.items():
        yield _last(site, kind, name, backups)
    for ref in site.apps:
        yield _expiry(site, ref.name, groups.get(("app", ref.name), ()), known.now)
        yield _age(site, ref, picture, known)


def overdue(site: Site, picture: Picture, now: int) -> tuple[AppRef, ...]:
    """Apps without a good backup that is young enough, whether or not there is anything of them."""
    return tuple(ref for ref in site.apps if not _young(ref, _newest(site, ref, picture, now), now))


def reason(run: Backup | Restore) -> str:
    """Why a run failed, in a few words; empty when only its log tells."""
    if run.problems:
        return "; ".join(store_cause(problem) for problem in run.problems)
    if run.failure:
        return store_cause(run.failure)
    return f"{count(run.errors, 'error')}" if run.errors else ""


def _groups(site: Site, picture: Picture) -> Mapping[tuple[str, str], tuple[Backup, ...]]:
    """Finished backups of each app, and of each schedule that is no app's, newest first."""
    found: dict[tuple[str, str], list[Backup]] = defaultdict(list)
    for backup in picture.backups:
        if app := site.app_of(backup):
            found["app", app].append(backup)
        elif backup.schedule:
            found["schedule", backup.schedule].append(backup)
    return {
        group: tuple(sorted((b for b in all_ if b.finished), key=age, reverse=True))
        for group, all_ in found.items()
    }


def _last(site: Site, kind: str, name: str, backups: tuple[Backup, ...]) -> Verdict:
    """The newest backup is a good one."""
    key = f"failed/{kind}/{name}"
    bad = tuple(takewhile(lambda b: not b.completed, backups))
    if not bad:
        done = backups[:1]
        return Verdict(key, well=_done(done[0]) if done else ())
    newest, oldest = bad[0], bad[-1]
    whose = name if kind == "app" else f"schedule {name}"
    good = next((b for b in backups if b.completed), None)
    last: Sentence = ("There is no good one.",)
    if good is not None:
        last = ("The last good one is ", Mono(good.name), " of ", When(made_at(good)), ".")
    acts = [
        site.act("What is in it", f"backup describe {newest.name}"),
        site.act("Log", f"backup logs {newest.name}"),
    ]
    if kind == "app":
        acts.append(site.act("Back up again", f"backup create {name}"))
    broken = Condition(
        key,
        f"The last backup of {whose} {_is(newest.phase)}",
        ended_at(oldest),
        why=(last,),
        todo=("Mend what the log names, then back up again.",),
        acts=tuple(acts),
        items=tuple(Item(b.uid or b.name, _failure(b)) for b in reversed(bad)),
        tone="warn" if newest.usable else "bad",
        app=name if kind == "app" else "",
    )
    return Verdict(key, broken)


def _failure(backup: Backup) -> Sentence:
    why = reason(backup)
    said = f" {_is(backup.phase)}: {why}, " if why else f" {_is(backup.phase)}, "
    return (Mono(backup.name), said, When(ended_at(backup)))


def _is(phase: str) -> str:
    words = wording.phase(phase)
    return words if words == "failed" else f"{'was' if words == 'refused' else 'is'} {words}"


def _expiry(site: Site, app: str, backups: tuple[Backup, ...], now: int) -> Verdict:
    """The last good backup stays until there is another."""
    key = f"expiry/{app}"
    last = next((b for b in backups if b.completed), None)
    if last is None or last.expires_at is None:
        return Verdict(key)
    kept = last.ttl * SECOND or last.expires_at - made_at(last)
    soon = last.expires_at - min(EXPIRES_SOON, kept // TENTH)
    if now < soon:
        return Verdict(key, well=(Mono(last.name), " is kept until ", When(last.expires_at), "."))
    gone = last.expires_at <= now
    broken = Condition(
        key,
        f"The last good backup of {app} {'has expired' if gone else 'expires soon'}",
        soon,
        why=(
            (Mono(last.name), " may be deleted from ", When(last.expires_at), " on."),
            ("No good one is newer.",),
        ),
        todo=("Keep it until there is a newer one, and make that one.",),
        acts=(
            site.act("Keep it", f"backup keep {last.name}"),
            site.act("Back up now", f"backup create {app}"),
        ),
        tone="bad" if gone else "warn",
        app=app,
    )
    return Verdict(key, broken)


def _age(site: Site, ref: AppRef, picture: Picture, known: Known) -> Verdict:
    """No more work can be lost than was agreed."""
    key, now = f"recovery-point/{ref.name}", known.now
    newest = _newest(site, ref, picture, now)
    if newest is not None and _young(ref, newest, now):
        return Verdict(key, well=_done(newest))
    if ref.name not in known.born or _under_way(site, ref, picture):
        return Verdict(key, unsure=True)
    born = known.born[ref.name]
    if born is None:
        return Verdict(key, well=("There is nothing of it in the cluster.",))
    if now - born <= _allowed(ref):
        return Verdict(key)
    point = _point(ref)
    agreed = f"at most {span(point)} of work may be lost."
    broken = Condition(
        key,
        f"The newest good backup of {ref.name} is too old"
        if newest
        else f"{ref.name} has no good backup",
        (made_at(newest) if newest else born) + point,
        why=(
            ("The newest is ", Mono(newest.name), " of ", When(made_at(newest)), "; ", agreed)
            if newest
            else ("It is in the cluster since ", When(born), "; ", agreed),
        ),
        todo=("Back it up, and see that a schedule does so from now on.",),
        acts=(
            site.act("Back up now", f"backup create {ref.name}"),
            site.act("Schedules", "backup schedule list"),
            site.act("Backups", "backup list"),
        ),
        app=ref.name,
    )
    return Verdict(key, broken)


def _newest(site: Site, ref: AppRef, picture: Picture, now: int) -> Backup | None:
    good = (
        b
        for b in picture.backups
        if b.completed and not expired(b, now) and (site.app_of(b) == ref.name or _covers(b, ref))
    )
    return max(good, key=age, default=None)


def _covers(backup: Backup, ref: AppRef) -> bool:
    """Whether a backup that is no app's own holds everything of this one."""
    spec = backup.spec
    everywhere = not backup.namespaces or "*" in backup.namespaces
    wanted = app_selector(ref).items()
    return (
        of_cluster(backup.labels, ref.cluster)
        and (everywhere or ref.namespace in backup.namespaces)
        and ref.namespace not in (spec.get("excludedNamespaces") or ())
        and set(spec.get("includedResources") or ("*",)) == {"*"}
        and not spec.get("excludedResources")
        and (not backup.selectors or any(s.items() <= wanted for s in backup.selectors))
    )


def _under_way(site: Site, ref: AppRef, picture: Picture) -> bool:
    """A backup of it is being made: that one's end tells. A stuck one is told of by itself."""
    return any(
        not b.finished and not b.deleting and site.app_of(b) == ref.name for b in picture.backups
    )


def _young(ref: AppRef, newest: Backup | None, now: int) -> bool:
    return newest is not None and now - made_at(newest) <= _allowed(ref)


def _allowed(ref: AppRef) -> int:
    return _point(ref) + SLACK


def _point(ref: AppRef) -> int:
    backup = ref.config.backup
    return int(backup.recovery_point) * SECOND if backup else 0


def _done(backup: Backup) -> Sentence:
    return (Mono(backup.name), " is complete since ", When(ended_at(backup)), ".")
