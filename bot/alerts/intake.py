"""A notification becomes rows: what is news in it is found, the rest changes nothing.

The copy of the second Alertmanager of a pair, a retry and a repeat all say what is known already.
Nothing is rendered here and nobody is asked, because Alertmanager waits for the commit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.alerts.routing import worst
from bot.alerts.webhook import Alert, Delivery
from bot.store import alert_acts, alert_news, alerts, storms
from bot.store.alerts import FIRING, LOST, RESOLVED, AlertRow, Episode
from bot.store.backup import KEEP_DAYS
from bot.store.rows import dump

if TYPE_CHECKING:
    from sqlite_utils import Database

STALE = 45 * 1_000_000
"""Microseconds within which a copy of an older notification may still come.

The second of a pair of Alertmanagers waits 15 s for the first. It is shorter than a sound
`group_interval`: what ended by mistake fires again with its old beginning one interval later.
"""
FORGOTTEN = KEEP_DAYS * 86_400_000_000
"""Microseconds after which an end is no news: what is kept of it may be no more than its number.

Alertmanager tells of an end again and again while another way out of the same receiver fails.
"""
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
TITLE, RULES = 150, 3
"""Characters of a title, and rules that it names."""
_SAID_ELSEWHERE = ("alertname", "severity", "prometheus", "cluster")


def record(
    db: Database, delivery: Delivery, now: int, quiet: int, *, certain: bool = False
) -> bool:
    """Writes down what a notification tells; False when it is nothing new.

    Args:
        db: The database, in a transaction.
        delivery: The notification.
        now: Microseconds UTC.
        quiet: Microseconds after which a group that was over gets a new episode.
        certain: It says what holds now, and cannot be a late copy.
    """
    where = (delivery.cluster, delivery.receiver, delivery.group_key)
    alerts.rename(db, *where, unknown(delivery.labels))
    episode = alerts.open_of(db, *where) or alerts.closed_since(db, *where, now - quiet)
    elsewhere = _end_elsewhere(db, delivery, episode.id if episode else "", now)
    if episode is None:
        if not any(a.status == FIRING for a in delivery.alerts):
            return elsewhere  # it began and ended unheard
        episode = _opened(db, delivery, now)
    was = alerts.known(db, episode.id, {a.fingerprint for a in delivery.alerts})
    rows = _changes(episode.id, was, delivery.alerts, now, certain)
    if episode.closed_at is not None and all(r.status != FIRING for r in rows):
        return _late_ends(db, episode, was, rows, now) or elsewhere
    if not rows:
        return elsewhere
    if episode.closed_at is not None:
        episode = _reopened(db, episode, now)
    alerts.put(db, episode)
    alerts.put_alerts(db, rows)
    merged = _merged(episode, delivery, [r for r in rows if r.fingerprint not in was], rows, now)
    settle(db, merged, now)
    return True


def settle(db: Database, episode: Episode, now: int) -> None:
    """Brings an episode in line with its alerts, and has it told."""
    firing, total = alerts.tally(db, episode.id)
    state = FIRING if firing else alerts.ending(db, episode.id)
    closed = None if firing else (episode.closed_at or now)
    alerts.put(
        db,
        replace(
            episode,
            state=state,
            title=_title(db, episode),
            firing=firing,
            total=total,
            closed_at=closed,
            changed_at=now,
            revision=episode.revision + 1,
        ),
    )


def unknown(labels: Mapping[str, str]) -> str:
    """Our name for a group whose key Alertmanager has not told yet."""
    return f"?{hashlib.sha256(dump(dict(labels)).encode()).hexdigest()[:32]}"


def _changes(
    episode: str,
    was: Mapping[str, AlertRow],
    notified: Sequence[Alert],
    now: int,
    certain: bool,
) -> list[AlertRow]:
    found: dict[str, AlertRow] = {}
    for alert in notified:
        known = found.get(alert.fingerprint) or was.get(alert.fingerprint)
        row = _changed(episode, known, alert, now, certain)
        if row is not None:
            found[alert.fingerprint] = row
    return list(found.values())


def _changed(
    episode: str, row: AlertRow | None, alert: Alert, now: int, certain: bool
) -> AlertRow | None:
    """The row that an alert becomes; None when it says nothing new."""
    if alert.status == FIRING:
        if row is None:
            return _row(episode, alert, FIRING, "", now)
        if row.status == FIRING:
            return None
        again = certain or alert.starts_at > row.starts_at or now - row.changed_at > STALE
        if not again and row.status == RESOLVED:
            return None
        return replace(
            row,
            status=FIRING,
            starts_at=alert.starts_at,
            ends_at=None,
            changed_at=now,
            annotations=alert.annotations,
            missing_since=None,
        )
    if row is None:
        if 0 < alert.ends_at < now - FORGOTTEN:
            return None
        return _row(episode, alert, RESOLVED, RESOLVED, now)
    if row.status == RESOLVED or 0 < alert.starts_at < row.starts_at:
        return None
    return _ended(row, alert, now)


def _row(episode: str, alert: Alert, status: str, told: str, now: int) -> AlertRow:
    return AlertRow(
        episode=episode,
        fingerprint=alert.fingerprint,
        status=status,
        labels=alert.labels,
        annotations=alert.annotations,
        cut=alert.cut,
        starts_at=alert.starts_at,
        ends_at=None if status == FIRING else alert.ends_at or now,
        source=alert.source,
        seen_at=now,
        changed_at=now,
        told=told,
        missing_since=None,
    )


def _ended(row: AlertRow, alert: Alert, now: int) -> AlertRow:
    ends = alert.ends_at or now
    return replace(row, status=RESOLVED, ends_at=ends, changed_at=now, missing_since=None)


def _late_ends(
    db: Database,
    episode: Episode,
    was: Mapping[str, AlertRow],
    rows: Sequence[AlertRow],
    now: int,
) -> bool:
    """Takes the ends of alerts that were lost sight of into an episode that is over."""
    ends = [r for r in rows if r.fingerprint in was and was[r.fingerprint].status == LOST]
    alerts.put_alerts(db, ends)
    if ends:
        settle(db, episode, now)
    return bool(ends)


def _reopened(db: Database, episode: Episode, now: int) -> Episode:
    """What fires again waits for somebody anew, and is not left to a summary that is past."""
    alert_acts.fired_again(db, episode.id)
    fresh = replace(
        episode, opened_at=now, closed_at=None, owner="", owner_person="", owned_at=None, picture=""
    )
    storm = storms.get(db, episode.storm) if episode.storm else None
    if not episode.storm or (storm is not None and storm.calm_at is storm.closed_at is None):
        return fresh
    storms.touch(db, episode.storm, now)
    return replace(fresh, storm="", placed_at=0)


def _end_elsewhere(db: Database, delivery: Delivery, here: str, now: int) -> bool:
    """Ends an alert in the episodes of groups that it belonged to before the routes changed."""
    ended: dict[str, list[AlertRow]] = {}
    for alert in delivery.alerts:
        if alert.status != RESOLVED:
            continue
        place = (delivery.cluster, delivery.receiver, alert.fingerprint, here)
        for row in alerts.held_elsewhere(db, *place, alert.starts_at):
            ended.setdefault(row.episode, []).append(_ended(row, alert, now))
    for name, rows in ended.items():
        alerts.put_alerts(db, rows)
        if (episode := alerts.find(db, name)) is not None:
            settle(db, episode, now)
    return bool(ended)


def _opened(db: Database, delivery: Delivery, now: int) -> Episode:
    name = new_id()
    while alerts.find(db, name) is not None:
        name = new_id()
    return Episode(
        id=name,
        cluster=delivery.cluster,
        receiver=delivery.receiver,
        group_key=delivery.group_key,
        labels=delivery.labels,
        shared={},
        state=FIRING,
        title="",
        severity="",
        firing=0,
        total=0,
        truncated=0,
        source=delivery.source,
        channel="",
        message_key="",
        storm="",
        muted="",
        owner="",
        owner_person="",
        owned_at=None,
        created_at=now,
        opened_at=now,
        changed_at=now,
        closed_at=None,
        revision=0,
        shown=0,
        picture="",
    )


def new_id() -> str:
    """A short name that nobody mistypes."""
    return "".join(secrets.choice(LETTERS) for _ in range(5))


def _merged(
    episode: Episode,
    delivery: Delivery,
    new: Sequence[AlertRow],
    rows: Sequence[AlertRow],
    now: int,
) -> Episode:
    """The episode with what its new alerts add: shared labels, severity, beginning."""
    shared = dict(episode.shared)
    for number, row in enumerate(new):
        if not episode.total and not number:
            shared = dict(row.labels)
        shared = {k: v for k, v in shared.items() if row.labels.get(k) == v}
    began = [row.starts_at for row in rows if 0 < row.starts_at < now]
    return replace(
        episode,
        shared=shared,
        severity=worst([episode.severity, *(row.labels.get("severity", "") for row in new)]),
        truncated=delivery.truncated,
        opened_at=min([episode.opened_at, *began]),
    )


def _title(db: Database, episode: Episode) -> str:
    """One line for a group: the rule, and where, by the labels that make the group.

    Where its alerts are of several rules it names those that fire; nothing else once none does.
    """
    labels, shared = episode.labels, episode.shared
    name = shared.get("alertname") or labels.get("alertname") or ""
    if not name:
        names = alert_news.rules(db, episode.id, RULES + 1)
        if not names and episode.title:
            return episode.title
        more = " …" if len(names) > RULES else ""
        name = f"{', '.join(names[:RULES])}{more}" if names else "Alerts"
    where = [v for k, v in labels.items() if k not in _SAID_ELSEWHERE and v]
    if not where and "namespace" in shared:
        where = [shared["namespace"]]
    text = " ".join(f"{name}: {', '.join(where)}".split()) if where else name
    return text if len(text) <= TITLE else f"{text[: TITLE - 1]}…"


__all__ = ["FIRING", "LOST", "RESOLVED", "record", "settle"]
