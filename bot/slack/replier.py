"""Messages about changes: written into the outbox with the change they tell of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.engine import Replier
from bot.engine.messages import asked
from bot.engine.parts import asker_of
from bot.engine.ports import Notice
from bot.render import blockkit
from bot.render.document import Document, Image, Title
from bot.store import messages, outbox
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from sqlite_utils import Database


class OpsChannel:
    """Gets one line of every change made elsewhere, and news of the bot itself.

    Args:
        clock: Microseconds UTC.
        channel: Its id; empty for none.
        team: The bot's workspace; empty while it is not known.
        wake: Tells the sender that there is something to send.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        channel: Callable[[], str],
        team: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        self._clock, self._channel, self._team, self.wake = clock, channel, team, wake

    def outcome(self, db: Database, request: Request, notice: Notice) -> None:
        """Queues the line about a change that ran, unless the channel has seen it run."""
        ran = notice.final and not notice.private and request.state is State.RUNNING
        if not ran or self._channel() == request.origin.get("channel"):
            return
        title = next((e for e in notice.document.elements if isinstance(e, Title)), Title("Done"))
        note = asked(asker_of(request), request.text, request.id, request.created_at)
        draft = self._draft(Document.of(title, note), priority=outbox.NORMAL)
        about = replace(
            draft,
            request_id=request.id,
            cluster=request.cluster,
            actor=request.actor,
            person=request.person,
        )
        self._queue(db, about)

    def post(self, db: Database, key: str, document: Document) -> None:
        """Queues a message, once under each key."""
        if not self.posted(db, key):
            draft = self._draft(document, priority=outbox.BULK)
            self._queue(db, replace(draft, message_key=key))

    def keep(
        self, db: Database, key: str, document: Document, *, channel: str = "", live: bool = False
    ) -> None:
        """Queues a post, or an edit of what was posted under the same key.

        A live edit waits for its turn, as those of running operations do.
        """
        draft = self._draft(document, priority=outbox.NORMAL, channel=channel)
        draft = replace(draft, final=not live)
        if not outbox.amend(db, key, draft.payload, self._clock()):
            kind = "update" if self.posted(db, key) else "post"
            self._queue(db, replace(draft, kind=kind, message_key=key))

    def reply(self, db: Database, thread: str, document: Document, *, channel: str = "") -> None:
        """Queues an answer below the message under that key, wherever that was posted."""
        draft = self._draft(document, priority=outbox.NORMAL, channel=channel)
        self._below(db, thread, draft)

    def attach(self, db: Database, thread: str, image: Image, *, channel: str = "") -> None:
        """Queues a picture below the message under that key."""
        draft = self._draft(Document(), priority=outbox.BULK, channel=channel)
        payload = {"name": image.name, "hex": image.png.hex(), "alt": image.alt}
        self._below(db, thread, replace(draft, kind="file", payload=payload))

    def answering(self, db: Database, thread: str) -> bool:
        """Whether an answer below that message is still unsent."""
        return outbox.answering(db, thread)

    def refusal(self, db: Database, key: str) -> str:
        """Why Slack did not take the newest state of a message; empty unless it was given up."""
        return outbox.refusal(db, key)

    def standing(self, db: Database, key: str) -> bool:
        """Whether the message under that key has been posted."""
        return messages.get(db, key) is not None

    def posted(self, db: Database, key: str) -> bool:
        """Whether there is a message under that key, or one on its way."""
        return outbox.posted(db, key) or messages.get(db, key) is not None

    @property
    def configured(self) -> bool:
        """Whether there is such a channel."""
        return bool(self._channel())

    def _queue(self, db: Database, draft: outbox.Draft) -> None:
        if draft.channel:
            outbox.enqueue(db, draft, self._clock())

    def _below(self, db: Database, thread: str, draft: outbox.Draft) -> None:
        root = messages.get(db, thread)
        place = (root.team, root.channel) if root else (draft.team, draft.channel)
        self._queue(db, replace(draft, team=place[0], channel=place[1], thread_key=thread))

    def _draft(self, document: Document, priority: int, channel: str = "") -> outbox.Draft:
        rendered = blockkit.render(document)
        payload = {"text": rendered.text, "blocks": list(rendered.blocks)}
        where = channel or self._channel()
        return outbox.Draft("post", self._team(), where, payload, final=True, priority=priority)


class SlackReplier:
    """The engine's way to Slack.

    Args:
        clock: Microseconds UTC.
        ops: Is told of changes made elsewhere.
    """

    pace = 1.0

    def __init__(self, clock: Callable[[], int], ops: OpsChannel) -> None:
        self._clock, self._ops = clock, ops

    def store(self, db: Database, request: Request, notice: Notice) -> None:
        """Queues a post, or an edit of what was posted under the same key."""
        rendered = blockkit.render(notice.document)
        origin = request.origin
        payload: dict[str, Any] = {
            "text": rendered.text,
            "blocks": list(rendered.blocks),
            "user": origin.get("user", ""),
            "url": origin.get("response_url", ""),
        }
        if notice.private:
            payload["thread_ts"] = origin.get("private_thread", "")
            self._queue(db, request, "ephemeral", payload, final=True)
            return
        payload["thread_ts"] = origin.get("thread", "")
        first = not outbox.posted(db, notice.key)
        if not outbox.amend(db, notice.key, payload, self._clock()):
            known = not first or messages.get(db, notice.key) is not None
            kind = "update" if known else "post"
            self._queue(db, request, kind, payload, key=notice.key, final=notice.final)
        for file in rendered.files if notice.final or first else ():
            body = {"name": file.name, "hex": file.content.hex(), "alt": file.alt}
            body |= {key: payload[key] for key in ("user", "thread_ts")}
            self._queue(db, request, "file", body, thread=notice.key, final=True)
        self._ops.outcome(db, request, notice)

    def deliver(self, request: Request, notice: Notice) -> None:
        """Wakes the sender."""
        self._ops.wake()

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        """Nothing more: the final state of the message says it all."""

    def _queue(
        self,
        db: Database,
        request: Request,
        kind: str,
        payload: Mapping[str, Any],
        *,
        key: str = "",
        thread: str = "",
        final: bool = False,
    ) -> None:
        draft = outbox.Draft(
            kind=kind,
            team=str(request.origin.get("team", "")),
            channel=str(request.origin.get("channel", "")),
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
        outbox.enqueue(db, draft, self._clock())


class Overheard:
    """Another surface's replier whose changes the ops channel hears of as well.

    Args:
        inner: Tells the asker, for example in a terminal.
        ops: Gets the line.
    """

    def __init__(self, inner: Replier, ops: OpsChannel) -> None:
        self._inner, self._ops = inner, ops

    @property
    def pace(self) -> float:
        """As the surface wants it."""
        return self._inner.pace

    def store(self, db: Database, request: Request, notice: Notice) -> None:
        """See `bot.engine.Replier`."""
        self._inner.store(db, request, notice)
        self._ops.outcome(db, request, notice)

    def deliver(self, request: Request, notice: Notice) -> None:
        """See `bot.engine.Replier`."""
        self._inner.deliver(request, notice)
        self._ops.wake()

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        """See `bot.engine.Replier`."""
        self._inner.finished(request, data, exit_code)
