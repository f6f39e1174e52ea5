"""Keeps one thread for each condition: what is new is told, the rest is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from bot.alerts import showing
from bot.alerts.condition import Condition, Findings, Item, Sentence
from bot.alerts.outlet import Outlet, pressable
from bot.render.document import Document, from_json, to_json
from bot.store import alert_threads
from bot.store.alert_threads import Thread

if TYPE_CHECKING:
    from sqlite_utils import Database

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
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet | None,
        clock: Callable[[], int],
        prefix: Callable[[], str],
        known: Collection[str],
    ) -> None:
        self._store, self._outlet, self._clock = store, outlet, clock
        self._prefix, self._known = prefix, frozenset(known)

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

    async def tell(self, key: str, document: Document, also: Callable[[Database], None]) -> None:
        """Posts a message, or edits it, with what must be written in the same transaction."""

        def work(db: Database) -> None:
            also(db)
            self._show(db, key, document)

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
            if thread is None or not self._told(db, thread, condition, cluster):
                moves.append(_Move(condition, thread))
        unsure = {f"{source}/{key}" for key in findings.unsure}
        moves += [_Move(None, t) for name, t in left.items() if name not in unsure]
        return moves

    def _told(self, db: Database, thread: Thread, condition: Condition, cluster: str) -> bool:
        since = min(thread.opened_at, condition.since)
        same = thread.body["root"] == to_json(self._root(condition, cluster, since))
        outlet = self._outlet
        shown = outlet is None or not outlet.configured or outlet.posted(db, thread.message_key)
        return same and shown and thread.body["items"].keys() == {i.id for i in condition.items}

    def _apply(self, db: Database, source: str, findings: Findings, cluster: str) -> None:
        now = self._clock()
        for move in self._moves(db, source, findings, cluster):
            if move.condition is None:
                if move.thread is not None:
                    key = move.thread.condition.removeprefix(f"{source}/")
                    self._close(db, move.thread, now, findings.well.get(key, ()))
            elif move.thread is None:
                self._open(db, f"{source}/{move.condition.key}", move.condition, cluster, now)
            else:
                self._change(db, move.thread, move.condition, now)

    def _open(self, db: Database, name: str, condition: Condition, cluster: str, now: int) -> None:
        before = alert_threads.closed_since(db, name, now - QUIET)
        if before is not None:
            thread = replace(before, closed_at=None, body={**before.body, "items": {}})
            self._reply(db, thread.message_key, showing.again(condition.title))
        else:
            since = min(condition.since, now)
            thread = Thread(f"alert/{name}/{now}", name, cluster, "", {}, since, now)
        log.warning("condition opened", condition=name, title=condition.title)
        self._write(db, thread, condition, now)

    def _change(self, db: Database, thread: Thread, condition: Condition, now: int) -> None:
        was: Mapping[str, Any] = thread.body["items"]
        added = [item.text for item in condition.items if item.id not in was]
        stay = {item.id for item in condition.items}
        gone: list[Sentence] = [
            from_json(one) for name, one in was.items() if one and name not in stay
        ]
        self._write(db, thread, condition, now)
        if added or gone:
            self._reply(db, thread.message_key, showing.news(added, gone))

    def _write(self, db: Database, thread: Thread, condition: Condition, now: int) -> None:
        since = min(thread.opened_at, condition.since)
        document = self._root(condition, thread.cluster, since)
        body = {"root": to_json(document), "items": _gone(condition.items)}
        changed = replace(thread, title=condition.title, body=body, opened_at=since, changed_at=now)
        alert_threads.put(db, changed)
        self._show(db, thread.message_key, document)

    def _close(self, db: Database, thread: Thread, now: int, well: Sentence) -> None:
        log.info("condition over", condition=thread.condition, title=thread.title)
        alert_threads.put(db, replace(thread, changed_at=now, closed_at=now))
        since = thread.opened_at
        document = showing.over(thread.title, thread.cluster, since, now, well)
        self._show(db, thread.message_key, document)
        self._reply(db, thread.message_key, showing.ended(since, now, well))

    def _root(self, condition: Condition, cluster: str, since: int) -> Document:
        return showing.root(condition, cluster, since, prefix=self._prefix(), known=self._known)

    def _show(self, db: Database, key: str, document: Document) -> None:
        if self._outlet is None or not self._outlet.configured:
            return

        self._outlet.keep(db, key, pressable(db, key, document, self._clock()))

    def _reply(self, db: Database, key: str, document: Document) -> None:
        if self._outlet is not None and self._outlet.configured:
            self._outlet.reply(db, key, document)

    def _wake(self) -> None:
        if self._outlet is not None:
            self._outlet.wake()


def _gone(items: Sequence[Item]) -> dict[str, Any]:
    """What is to be said when an item goes, by its id."""
    return {item.id: to_json(item.gone) for item in items}
