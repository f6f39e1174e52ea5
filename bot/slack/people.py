"""Who asks: users, guests and user groups, remembered so that an acknowledgement never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.context import Asker

log = structlog.get_logger(__name__)

FRESH = 300_000_000  # microseconds that a fetched user or group list counts as known


@dataclass(frozen=True, slots=True)
class _Known:
    asker: Asker
    at: int


class People:
    """Remembers users and groups.

    Args:
        client: The Web API.
        person_of: Actor → person, by the configuration in force.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        person_of: Callable[[str], str],
        clock: Callable[[], int],
    ) -> None:
        self._client, self._person_of, self._clock = client, person_of, clock
        self._users: dict[tuple[str, str], _Known] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._groups_at = -FRESH
        self._fetching: dict[tuple[str, str], asyncio.Task[Asker]] = {}
        self.team = ""

    def known(self, team: str, user: str, name: str) -> tuple[Asker, bool]:
        """The asker as far as remembered, and whether that is enough to authorize."""
        found = self._users.get((team, user))
        if found is not None and self._clock() - found.at < FRESH:
            return found.asker, True
        return self._asker(team, user, name or user), False

    async def fetch(self, team: str, user: str, name: str) -> Asker:
        """The asker in full. Several that wait for one user share one look-up.

        When Slack does not answer, whoever was known before stays known; a stranger then counts
        as one of another workspace, which nothing allows by default.
        """
        key = (team, user)
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(team, user, name), name=f"look up {user}")
            self._fetching[key] = task
            task.add_done_callback(lambda _: self._fetching.pop(key, None))
        return await asyncio.shield(task)

    async def _fetch(self, team: str, user: str, name: str) -> Asker:
        try:
            body: Mapping[str, Any] = (await self._client.users_info(user=user))["user"]
            await self._refresh_groups()
        except (SlackApiError, OSError, TimeoutError) as error:
            log.warning("user not looked up", user=user, why=type(error).__name__)
            old = self._users.get((team, user))
            return old.asker if old else self._asker(team, user, name, external=True)
        profile = body.get("profile") or {}
        asker = self._asker(
            team,
            user,
            profile.get("display_name") or body.get("real_name") or body.get("name") or name,
            groups=tuple(f"slack-group:{team}/{group}" for group in self._groups.get(user, ())),
            guest=bool(body.get("is_restricted") or body.get("is_ultra_restricted")),
            external=bool(body.get("is_stranger"))
            or (bool(self.team) and body.get("team_id", self.team) != self.team),
            timezone=body.get("tz") or "UTC",
        )
        self._users[team, user] = _Known(asker, self._clock())
        return asker

    async def _refresh_groups(self) -> None:
        if self._clock() - self._groups_at < FRESH:
            return
        try:
            answer = await self._client.usergroups_list(include_users=True)
        except SlackApiError as error:
            # Without the scope nobody is in a group; whoever needs one is denied, with the reason.
            log.info("user groups not read", why=str(error.response.get("error")))
            self._groups_at = self._clock()
            return
        members: dict[str, list[str]] = {}
        for group in answer["usergroups"]:
            for user in group.get("users") or ():
                members.setdefault(user, []).append(group["id"])
        self._groups = {user: tuple(sorted(groups)) for user, groups in members.items()}
        self._groups_at = self._clock()

    def _asker(self, team: str, user: str, name: str, **more: Any) -> Asker:
        actor = f"slack:{team}/{user}"
        return Asker(actor, self._person_of(actor), name, **more)
