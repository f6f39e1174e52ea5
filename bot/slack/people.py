"""Who asks: users, guests and user groups, remembered so that an acknowledgement never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.context import Asker
from bot.slack.refusals import told
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

FRESH = 300_000_000  # microseconds that a fetched user or group list counts as known
WITHOUT_GROUPS = frozenset({"missing_scope", "plan_upgrade_required", "access_denied"})
LEARN_AGAIN = (1, 5, 15, 60)  # seconds


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

    Attributes:
        team: The bot's own workspace; empty until `learn` knows it.
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
        self._looking: dict[tuple[str, str], asyncio.Task[tuple[Asker, bool]]] = {}
        self._tasks = Tasks()
        self.team = ""

    async def learn(self) -> None:
        """Asks Slack which workspace the bot is in, until it says so."""
        tries = 0
        while not self.team:
            try:
                self.team = str((await self._client.auth_test())["team_id"])
            except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                if not tries:
                    log.warning("Slack did not say who we are; asking on", why=_why(error))
                await asyncio.sleep(LEARN_AGAIN[min(tries, len(LEARN_AGAIN) - 1)])
                tries += 1

    async def close(self) -> None:
        """Ends look-ups that still run."""
        await self._tasks.close()

    def known(self, team: str, user: str, name: str) -> tuple[Asker, bool]:
        """The asker as far as remembered, and whether that is enough to authorize."""
        found = self._users.get((team, user))
        if found is not None and self._clock() - found.at < FRESH:
            return found.asker, True
        return self._asker(team, user, name or user), False

    async def fetch(self, team: str, user: str, name: str) -> tuple[Asker, bool]:
        """The asker in full, and whether Slack said so just now.

        Several that wait for one user share one look-up. When Slack does not answer, whoever was
        known before stays known; a stranger then counts as one of another workspace, which nothing
        allows but a rule that names them.
        """
        key = (team, user)
        task = self._looking.get(key)
        if task is None:
            task = self._tasks.spawn(self._fetch(team, user, name), f"look up {user}")
            self._looking[key] = task
            task.add_done_callback(lambda _: self._looking.pop(key, None))
        return await asyncio.shield(task)

    async def _fetch(self, team: str, user: str, name: str) -> tuple[Asker, bool]:
        try:
            if not self.team:  # without it, somebody of another workspace could pass for ours
                self.team = str((await self._client.auth_test())["team_id"])
            body: Mapping[str, Any] = (await self._client.users_info(user=user))["user"]
            await self._refresh_groups()
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("user not looked up", user=user, why=_why(error))
            old = self._users.get((team, user))
            return (old.asker if old else self._asker(team, user, name, external=True)), False
        profile = body.get("profile") or {}
        asker = self._asker(
            team,
            user,
            profile.get("display_name") or body.get("real_name") or body.get("name") or name,
            groups=tuple(f"slack-group:{team}/{group}" for group in self._groups.get(user, ())),
            guest=bool(body.get("is_restricted") or body.get("is_ultra_restricted")),
            external=bool(body.get("is_stranger")) or body.get("team_id", self.team) != self.team,
            timezone=body.get("tz") or "UTC",
        )
        self._users[team, user] = _Known(asker, self._clock())
        return asker, True

    async def _refresh_groups(self) -> None:
        if self._clock() - self._groups_at < FRESH:
            return
        try:
            answer = await self._client.usergroups_list(include_users=True)
        except SlackApiError as error:
            if told(error)[0] not in WITHOUT_GROUPS:
                raise
            # Then nobody is in a group; whoever needs one is denied, with the reason.
            log.warning("user groups not read", why=_why(error))
            self._groups, self._groups_at = {}, self._clock()
            return
        members: dict[str, list[str]] = {}
        for group in answer["usergroups"]:
            for user in group.get("users") or ():
                members.setdefault(user, []).append(group["id"])
        self._groups = {user: tuple(sorted(groups)) for user, groups in members.items()}
        self._groups_at = self._clock()

    def _asker(self, team: str, user: str, name: str, **more: Any) -> Asker:
        actor = f"slack:{team}/{user}"
        return Asker(actor, self._person_of(actor), name or user, **more)


def _why(error: Exception) -> str:
    return told(error)[0] if isinstance(error, SlackApiError) else type(error).__name__
