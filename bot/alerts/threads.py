"""Keeps one thread for each condition: what is new is told, the rest is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from bot.alerts import showing
from bot.alerts.condition import Condition, Findings, Item, Sentence
from bot.alerts.outlet import Outlet, pressable
from bot.alerts.routing import Route
from bot.render.document import Document, Text, from_json, to_json
from bot.store import alert_threads
from bot.store.alert_threads import Thread

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.ways import Ways
    from bot.store.db import Store

log = structlog.get_logger(__name__)

QUIET = 15 * 60 * 1_000_000
"""Microseconds that a condition must be over before it gets another thread."""


@dataclass(frozen=True, slots=True)
class _Move:
    """One difference between what was told and what is: opened, changed or ended."""

    condition: Condition | None
    thread: Thread | None


class Threads:
    """Opens, changes and closes the threads of conditions.

    Args:
        store: Holds what was told.
        outlet: Where it is told; without one, conditions are kept and logged all the same.
        clock: Microseconds UTC.
        prefix: What commands are typed after, with its space.
        known: Names of the registered commands; no others are offered.
        ways: Where conditions lead; without, all of them to the ops channel.
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet | None,
        clock: Callable[[], int],
        prefix: Callable[[], str],
        known: Collection[str],
        ways: Ways | None = None,
    ) -> None:
        self._store, self._outlet, self._clock = store, outlet, clock
        self._prefix, self._known, self._ways = prefix, frozenset(known), ways

    async def hold(self, source: str, findings: Findings, *, cluster: str = "") -> None:
        """Brings the threads of one source in line with what holds now.

        What was told before and holds no more is closed, unless the look was unsure about it.
        Nothing is written when nothing is new.

        Args:
            source: Who found it, and where: `velero/main`.
            findings: All that it found.
            cluster: Which cluster it concerns.

        Raises:
            StoreUnavailable: Nothing was written; the next look tells it.
        """
        if await self._store.read(lambda db: self._moves(db, source, findings, cluster)):
            await self._store.write(lambda db: self._apply(db, source, findings, cluster))
            self._wake()

    async def settle(self) -> None:
        """Shows what could not be shown where or when it was found.

        That is what a channel refused, which goes on in the ops channel, and what a maintenance
        held back.

        Raises:
            StoreUnavailable: Nothing was written; the next look does it.
        """
        if await self._store.read(self._unsettled):
            await self._store.write(self._settle)
            self._wake()

    async def tell(self, key: str, document: Document, also: Callable[[Database], None]) -> None:
        """Posts a message, or edits it, with what must be written in the same transaction."""

        def work(db: Database) -> None:
            also(db)
            if self._outlet is not None and self._outlet.configured:
                self._keep(db, key, pressable(db, key, document, self._clock()))

        await self._store.write(work)
        self._wake()

    async def standing(self, source: str = "") -> Sequence[Thread]:
        """What holds now, as it was told last."""
        prefix = f"{source}/" if source else ""
        return await self._store.read(lambda db: alert_threads.standing(db, prefix))

    def _moves(self, db: Database, source: str, findings: Findings, cluster: str) -> list[_Move]:
        left = {t.condition: t for t in alert_threads.standing(db, f"{source}/")}
        moves = []
        for condition in findings.conditions:
            thread = left.pop(f"{source}/{condition.key}", None)
            if thread is None or not self._told(db, source, thread, condition):
                moves.append(_Move(condition, thread))
        unsure = {f"{source}/{key}" for key in findings.unsure}
        moves += [_Move(None, t) for name, t in left.items() if name not in unsure]
        return moves

    def _told(self, db: Database, source: str, thread: Thread, condition: Condition) -> bool:
        placed = self._placed(db, source, thread, condition)
        same = thread.body["root"] == to_json(self._root(placed, condition))
        shown = not self._showable(placed) or self._posted(db, thread)
        return same and shown and thread.body["items"].keys() == {i.id for i in condition.items}

    def _apply(self, db: Database, source: str, findings: Findings, cluster: str) -> None:
        now = self._clock()
        for move in self._moves(db, source, findings, cluster):
            if move.condition is None:
                if move.thread is not None:
                    key = move.thread.condition.removeprefix(f"{source}/")
                    self._close(db, move.thread, now, findings.well.get(key, ()))
            elif move.thread is None:
                self._open(db, source, move.condition, cluster, now)
            else:
                self._change(db, source, move.thread, move.condition, now)

    def _open(
        self, db: Database, source: str, condition: Condition, cluster: str, now: int
    ) -> None:
        name = f"{source}/{condition.key}"
        before = alert_threads.closed_since(db, name, now - QUIET)
        if before is not None:
            thread = replace(before, closed_at=None, body={**before.body, "items": {}})
            called = self._route(self._labels(source, condition, cluster)).mentions
            self._reply(db, thread, showing.again(condition.title, called))
        else:
            since = min(condition.since, now)
            thread = Thread(f"alert/{name}/{now}", name, cluster, "", {}, since, now)
        log.warning("condition opened", condition=name, title=condition.title)
        self._write(db, source, thread, condition, now)

    def _change(
        self, db: Database, source: str, thread: Thread, condition: Condition, now: int
    ) -> None:
        was: Mapping[str, Any] = thread.body["items"]
        added = [item.text for item in condition.items if item.id not in was]
        stay = {item.id for item in condition.items}
        gone: list[Sentence] = [
            from_json(one) for name, one in was.items() if one and name not in stay
        ]
        changed = self._write(db, source, thread, condition, now)
        if added or gone:
            self._reply(db, changed, showing.news(added, gone))

    def _write(
        self, db: Database, source: str, thread: Thread, condition: Condition, now: int
    ) -> Thread:
        placed = self._placed(db, source, thread, condition)
        document = self._root(placed, condition)
        body = {**placed.body, "root": to_json(document), "items": _gone(condition.items)}
        changed = replace(placed, title=condition.title, body=body, changed_at=now)
        alert_threads.put(db, changed)
        self._show(db, changed, document)
        return changed

    def _close(self, db: Database, thread: Thread, now: int, well: Sentence) -> None:
        log.info("condition over", condition=thread.condition, title=thread.title)
        alert_threads.put(db, replace(thread, changed_at=now, closed_at=now))
        since = thread.opened_at
        document = showing.over(thread.title, thread.cluster, since, now, well)
        self._show(db, thread, document)
        self._reply(db, thread, showing.ended(since, now, well))

    def _placed(self, db: Database, source: str, thread: Thread, condition: Condition) -> Thread:
        """The thread with its place; what has been posted stays where it is, and calls no more."""
        since = min(thread.opened_at, condition.since)
        labels = self._labels(source, condition, thread.cluster)
        body = {**thread.body, "labels": labels}
        if not self._posted(db, thread):
            body |= _place(self._route(labels)) | ({"channel": ""} if body.get("moved") else {})
        return replace(thread, opened_at=since, body=body)

    def _unsettled(self, db: Database) -> list[Thread]:
        """Standing threads with another place than they have."""
        return [
            thread
            for thread in alert_threads.standing(db)
            if self._refused(db, thread)
            or (thread.body.get("muted") and not self._route(thread.body["labels"]).muted)
        ]

    def _settle(self, db: Database) -> None:
        for thread in self._unsettled(db):
            key, body = thread.message_key, dict(thread.body)
            document = from_json(body["root"])
            if why := self._refused(db, thread):
                log.error("condition refused", channel=body["channel"], why=why)
                key, body = f"{key}/ops", body | {"channel": "", "moved": True}
                alert_threads.move(db, thread.message_key, key)
            else:
                body |= _place(self._route(body["labels"]))
                called = map(Text, showing.calls(body["called"]))
                document = Document.of(*document.elements, *called)
            moved = replace(thread, message_key=key, body=body, changed_at=self._clock())
            alert_threads.put(db, moved)
            self._show(db, moved, document)

    def _refused(self, db: Database, thread: Thread) -> str:
        """Why a channel that is not the ops channel does not take it; empty when it does."""
        outlet = self._outlet
        if outlet is None or not outlet.configured or not thread.body.get("channel"):
            return ""
        return outlet.refusal(db, thread.message_key)

    def _labels(self, source: str, condition: Condition, cluster: str) -> Mapping[str, str]:
        return self._ways.labels(source, condition, cluster) if self._ways else {}

    def _route(self, labels: Mapping[str, str]) -> Route:
        return self._ways.route(labels) if self._ways else Route("")

    def _root(self, thread: Thread, condition: Condition) -> Document:
        called = condition.why + tuple(showing.calls(thread.body.get("called", ())))
        return showing.root(
            replace(condition, why=called),
            thread.cluster,
            thread.opened_at,
            prefix=self._prefix(),
            known=self._known,
        )

    def _showable(self, thread: Thread) -> bool:
        """Whether there is a place for it now."""
        outlet, body = self._outlet, thread.body
        there = outlet is not None and (outlet.configured or body.get("channel"))
        return bool(there) and not body.get("muted")

    def _posted(self, db: Database, thread: Thread) -> bool:
        return self._outlet is not None and self._outlet.posted(db, thread.message_key)

    def _show(self, db: Database, thread: Thread, document: Document) -> None:
        if self._outlet is not None and self._showable(thread):
            shown = pressable(db, thread.message_key, document, self._clock())
            self._keep(db, thread.message_key, shown, str(thread.body.get("channel", "")))

    def _keep(self, db: Database, key: str, document: Document, channel: str = "") -> None:
        if self._outlet is not None:
            self._outlet.keep(db, key, document, channel=channel)

    def _reply(self, db: Database, thread: Thread, document: Document) -> None:
        if self._outlet is not None and self._showable(thread) and self._posted(db, thread):
            channel = str(thread.body.get("channel", ""))
            self._outlet.reply(db, thread.message_key, document, channel=channel)

    def _wake(self) -> None:
        if self._outlet is not None:
            self._outlet.wake()


def _place(where: Route) -> dict[str, Any]:
    """What a thread keeps of its way."""
    return {"channel": where.channel, "called": list(where.mentions), "muted": where.muted}


def _gone(items: Sequence[Item]) -> dict[str, Any]:
    """What is to be said when an item goes, by its id."""
    return {item.id: to_json(item.gone) for item in items}
