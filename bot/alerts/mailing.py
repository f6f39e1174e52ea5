"""Mail as the second way out: what is critical, while Slack cannot be told.

One mail for all that is new, none oftener than configured, no retries but the next look. What was
mailed is kept until Slack is back and that has been mailed too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

import structlog

from bot.alerts import presenting, showing
from bot.alerts.presenting import Extras
from bot.alerts.routing import rank
from bot.releases.words import count, span
from bot.render import terminal
from bot.render.document import Document, Title, from_json
from bot.render.text import clean
from bot.store import alert_acts, alert_news, alert_threads, alerts, mails
from bot.store.mails import Mailed
from integrations.mail import MailError, MailServer, send

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.config.mail import EmailConfig
    from bot.store.alerts import Episode
    from bot.store.db import Store

log = structlog.get_logger(__name__)

MOST = 20
"""Troubles that one mail describes; more are only named."""
ITEMS = 10
SUBJECT = 120
RULE = "-" * 60


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something critical that holds now.

    Attributes:
        key: Tells it from others, over restarts.
        about: What describes it.
        held: It is silenced or muted: not mailed, but not over either.
    """

    key: str
    title: str
    about: Document | Episode
    held: bool = False


class Mailing:
    """Looks whether something has to be mailed.

    Args:
        store: Knows what holds, and what was mailed.
        config: The configuration in force.
        away: Why Slack cannot be told now; empty when it can.
        clock: Microseconds UTC.
        monotonic: Seconds; measures how long Slack has been away.
    """

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        away: Callable[[], str],
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._config, self._away = store, config, away
        self._clock, self._monotonic = clock, monotonic
        self._since: float | None = None

    async def look(self) -> None:
        """Mails what is due; a mail that is not taken is tried again at the next look.

        Raises:
            StoreUnavailable: What was mailed may be mailed once more.
        """
        alerting = self._config().alerts
        settings = alerting.email if alerting else None
        if settings is None:
            return
        why = self._away()
        now = self._monotonic()
        self._since = (now if self._since is None else self._since) if why else None
        told = await self._store.read(mails.all_of)
        pause = int(settings.every * 1_000_000)
        if any(0 <= self._clock() - one.mailed_at < pause for one in told.values()):
            return
        if self._since is None:
            await self._back(settings, told)
        elif now - self._since >= settings.after:
            await self._tell(settings, why, told)

    async def _tell(self, settings: EmailConfig, why: str, told: Mapping[str, Mailed]) -> None:
        standing = {t.key: t for t in await self._store.read(troubles)}
        loud = (t for t in standing.values() if not t.held)
        new = [t for t in loud if t.key not in told or told[t.key].over]
        over = [m for m in told.values() if not m.over and m.key not in standing]
        if not new and not over:
            return
        now = self._clock()
        shown = await self._store.read(lambda db: [_shown(db, t) for t in new[:MOST]])
        mail = made(settings, _subject(new, over), _body(why, shown, new[MOST:], over), now)
        if not await self._sent(settings, mail):
            return
        log.warning("mailed, because Slack is away", why=why, new=len(new), over=len(over))
        kept = [Mailed(t.key, t.title, now) for t in new]
        kept += [replace(m, mailed_at=now, over=True) for m in over]
        await self._store.write(lambda db: mails.note(db, kept))

    async def _back(self, settings: EmailConfig, told: Mapping[str, Mailed]) -> None:
        if not told:
            return
        now, first = self._clock(), min(one.mailed_at for one in told.values())
        text = (
            "Slack takes messages again, and has them all: what was mailed, too.\n"
            f"{count(len(told), 'trouble')} had been mailed, the first {span(now - first)} ago.\n"
        )
        mail = made(settings, "Slack is reached again", text, now)
        if await self._sent(settings, mail):
            await self._store.write(mails.forget)

    async def _sent(self, settings: EmailConfig, mail: EmailMessage) -> bool:
        try:
            await send(server_of(settings), mail)
        except MailError as error:
            log.error("mail not sent", why=str(error), detail=error.detail, hint="tried again")
            return False
        return True


def server_of(settings: EmailConfig) -> MailServer:
    """The mail server as it is configured."""
    password = settings.password.get_secret_value() if settings.password else ""
    return MailServer(
        *(settings.host, settings.at, settings.tls),
        *(settings.username, password, settings.ca_file),
    )


def troubles(db: Database) -> list[Trouble]:
    """Everything critical that holds: the bot's findings, and alerts."""
    found = []
    for thread in alert_threads.standing(db):
        shown = from_json(thread.body["root"])
        titles = (e for e in shown.elements if isinstance(e, Title))
        if any(title.tone == "bad" for title in titles):
            muted = bool(thread.body.get("muted"))
            found.append(Trouble(thread.message_key, thread.title, shown, muted))
    for episode in alerts.standing(db, limit=-1):  # what is left out would be mailed as over
        if rank(episode.severity) == 0:
            held = bool(episode.muted) or _silenced(db, episode)
            found.append(Trouble(f"episode/{episode.id}", episode.title, episode, held))
    return found


def made(settings: EmailConfig, subject: str, text: str, now: int) -> EmailMessage:
    """A mail as plain text.

    Args:
        settings: Who sends it, and to whom.
        subject: Its text may come from outside: it becomes one line without control characters.
        text: The body.
        now: Microseconds UTC.
    """
    mail = EmailMessage()
    mail["Subject"] = f"[onprem] {presenting.cut(clean(subject, breaks=False), SUBJECT)}"
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now / 1_000_000, UTC))
    mail["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def _silenced(db: Database, episode: Episode) -> bool:
    return any(s.covers >= episode.firing for s in alert_acts.of_episode(db, episode.id))


def _shown(db: Database, trouble: Trouble) -> Document:
    episode = trouble.about
    if isinstance(episode, Document):
        return episode
    rows = alert_news.newest_firing(db, episode.id, ITEMS)
    condition = presenting.condition(episode, rows, Extras())
    return showing.root(
        condition, episode.cluster, episode.opened_at, prefix="", known=(), name=episode.id
    )


def _subject(new: Sequence[Trouble], over: Sequence[Mailed]) -> str:
    title = (new[0] if new else over[0]).title
    more = len(new) + len(over) - 1
    return f"{'' if new else 'Over: '}{title}{f' and {more} more' if more else ''}"


def _body(
    why: str, shown: Sequence[Document], more: Sequence[Trouble], over: Sequence[Mailed]
) -> str:
    parts = [
        f"I cannot tell this in Slack: {why}.\n"
        "The terminal does all that Slack does: onprem alerts, onprem status.\n"
    ]
    parts += [terminal.plain(document) for document in shown]
    if more:
        titles = [f"- {clean(t.title, breaks=False)}\n" for t in more]
        parts.append(f"{len(titles)} more:\n{''.join(titles)}")
    if over:
        parts.append("".join(f"Over: {clean(m.title, breaks=False)}\n" for m in over))
    return f"\n{RULE}\n\n".join(parts)
