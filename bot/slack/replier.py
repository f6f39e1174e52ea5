"""Messages about changes: written into the outbox with the change they tell of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.engine.ports import Notice
from bot.render import blockkit
from bot.render.document import Document, Note, Person, Title
from bot.store import messages, outbox
from bot.store.requests import Request

if TYPE_CHECKING:
    from sqlite_utils import Database


class SlackReplier:
    """The engine's way to Slack.

    Args:
        clock: Microseconds UTC.
        ops_channel: Gets one line of every change made elsewhere; empty for none.
        wake: Tells the sender that there is something to send.
    """

    pace = 1.0

    def __init__(
        self, clock: Callable[[], int], ops_channel: Callable[[], str], wake: Callable[[], None]
    ) -> None:
        self._clock, self._ops_channel, self._wake = clock, ops_channel, wake

    def store(self, db: Database, request: Request, notice: Notice) -> None:
        """Queues a post, or an edit of what was posted under the same key."""
        rendered = blockkit.render(notice.document)
        origin, now = request.origin, self._clock()
        payload: dict[str, Any] = {"text": rendered.text, "blocks": list(rendered.blocks)}
        if notice.private:
            payload |= {"user": origin.get("user", ""), "url": origin.get("response_url", "")}
            self._queue(db, request, "ephemeral", payload, now, final=True)
            return
        if origin.get("thread"):
            payload["thread_ts"] = origin["thread"]
        payload["url"] = origin.get("response_url", "")
        if not outbox.amend(db, notice.key, payload):
            known = messages.get(db, notice.key) is not None or outbox.posted(db, notice.key)
            kind = "update" if known else "post"
            self._queue(db, request, kind, payload, now, key=notice.key, final=notice.final)
        for file in rendered.files:
            body = {"name": file.name, "hex": file.content.hex(), "alt": file.alt}
            self._queue(db, request, "file", body, now, thread=notice.key, final=True)
        if notice.final:
            self._tell_ops(db, request, notice.document, now)

    def deliver(self, request: Request, notice: Notice) -> None:
        """Wakes the sender."""
        self._wake()

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        """Nothing more: the final state of the message says it all."""

    def _queue(
        self,
        db: Database,
        request: Request,
        kind: str,
        payload: Mapping[str, Any],
        now: int,
        *,
        key: str = "",
        thread: str = "",
        final: bool = False,
        channel: str = "",
    ) -> None:
        draft = outbox.Draft(
            kind=kind,
            team=str(request.origin.get("team", "")),
            channel=channel or str(request.origin.get("channel", "")),
            payload=payload,
            message_key=key,
            thread_key=thread,
            final=final,
            priority=outbox.INTERACTIVE,
            request_id=request.id,
            cluster=request.cluster,
            actor=request.actor,
            person=request.person,
        )
        outbox.enqueue(db, draft, now)

    def _tell_ops(self, db: Database, request: Request, document: Document, now: int) -> None:
        ops = self._ops_channel()
        if not ops or ops == request.origin.get("channel"):
            return
        with contextlib.suppress(KeyError):
            name = request.origin["asker"]["name"]
            line = Document.of(
                Title(document.headline), Note.of("By ", Person(request.actor, name))
            )
            rendered = blockkit.render(line)
            payload = {"text": rendered.text, "blocks": list(rendered.blocks)}
            self._queue(db, request, "post", payload, now, channel=ops, final=True)
