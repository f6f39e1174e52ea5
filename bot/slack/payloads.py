"""Reads Slack's payloads: where to answer, what was typed, what came before."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def origin_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Where a payload came from and where to answer it.

    `thread` is where a public answer goes: a mention is answered in its own thread. Slack shows an
    ephemeral message only in a thread that is there already, hence `private_thread`
    (docs.slack.dev/reference/methods/chat.postEphemeral). Of an ephemeral message that holds a
    button only the `container` knows the thread (slackapi/java-slack-sdk #1200). `message` is the
    one whose button was pressed.
    """
    event, user = body.get("event") or {}, body.get("user") or {}
    container, message = body.get("container") or {}, body.get("message") or {}
    holders = (event, message, container)
    below = next((one["thread_ts"] for one in holders if one.get("thread_ts")), "")
    return {
        "kind": "slack",
        "team": body.get("team_id") or (body.get("team") or {}).get("id", ""),
        "user": body.get("user_id") or user.get("id") or event.get("user", ""),
        "channel": body.get("channel_id")
        or container.get("channel_id")
        or (body.get("channel") or {}).get("id")
        or event.get("channel", ""),
        "response_url": body.get("response_url", ""),
        "thread": below or event.get("ts", ""),
        "private_thread": below,
        "message": message.get("ts", ""),
    }


def words_of(text: str, authorizations: Sequence[Mapping[str, Any]]) -> str:
    """What stands behind the mention of the bot; of whoever is mentioned first, if it is not."""
    for person in authorizations:
        found = re.search(rf"<@{re.escape(str(person.get('user_id')))}(?:\|[^>]*)?>", text)
        if found:
            return text[found.end() :].strip(" \t\n,:")
    return text.partition(">")[2].strip()


class Seen:
    """Remembers keys for a while, to drop what comes twice.

    Args:
        seconds: For how long.
        monotonic: Seconds.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._monotonic = seconds, monotonic
        self._until: dict[str, float] = {}  # in the order of time

    def first(self, key: str) -> bool:
        """Whether the key comes for the first time."""
        now = self._monotonic()
        while self._until and next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]
        if key in self._until:
            return False
        self._until[key] = now + self._seconds
        return True
