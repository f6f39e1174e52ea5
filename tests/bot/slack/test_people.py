"""Who asks: groups, guests, other companies, and a Slack that does not say."""

from __future__ import annotations

import asyncio
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.clock import now
from bot.slack.people import People
from sandbox.slack import Fault, Limits, SlackServer
from tests.bot.engine.conftest import World
from tests.bot.slack.conftest import Office, everything, office


async def test_a_user_group_gives_its_members_their_role(bot: Office) -> None:
    await bot.ask("bob", "ops", "size web 5")
    await bot.told("alice", "ops", "size is 5", private=False)


async def test_a_guest_is_denied_what_a_rule_does_not_name_them_for(bot: Office) -> None:
    bot.server.workspace.groups["S1"] = next(iter(bot.server.workspace.groups.values()))
    next(iter(bot.server.workspace.groups.values())).users.append(bot.user("gus"))
    await bot.ask("gus", "general", "size web 5")
    shown = everything(await bot.told("gus", "general", "You may not size", private=True))
    assert "guest" in shown
    assert bot.world.size == 1


async def test_people_of_other_companies_are_denied(bot: Office) -> None:
    await bot.ask("sam", "partners", "look")
    shown = everything(await bot.told("sam", "partners", "You may not look", private=True))
    assert "another workspace" in shown


async def test_a_cold_cache_authorizes_after_the_acknowledgement_a_warm_one_before(
    bot: Office,
) -> None:
    assert not await bot.ask("vera", "ops", "size web 5")
    await bot.told("vera", "ops", "You may not size")
    assert "You may not size" in await bot.ask("vera", "ops", "size web 5")


async def test_when_slack_does_not_say_who_asks_they_are_denied_politely(bot: Office) -> None:
    for kind in ("http_500", "error", "drop"):
        times = 2 if kind == "drop" else 1  # aiohttp itself repeats a GET once
        bot.server.faults.add(Fault(kind, "users.info", times=times))
        await bot.ask("alice", "ops", "size web 5")
        await bot.until(
            lambda kind=kind: (
                sum(
                    "did not tell me who you are" in everything(m) for m in bot.seen("alice", "ops")
                )
                == ("http_500", "error", "drop").index(kind) + 1
            )
        )
    assert bot.world.size == 1
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("bob", "ops", "size is 5", private=False)


async def test_an_unreadable_group_list_denies_nobody_for_longer_than_it_lasts(
    bot: Office,
) -> None:
    bot.server.faults.add(Fault("error", "usergroups.list", code="internal_error"))
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("alice", "ops", "did not tell me who you are")
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("bob", "ops", "size is 5")


async def test_without_the_scope_for_groups_people_with_roles_of_their_own_work(
    bot: Office,
) -> None:
    bot.server.workspace.app.scopes.discard("usergroups:read")
    await bot.ask("adam", "ops", "size web 5")
    await bot.told("bob", "ops", "size is 5")
    await bot.ask("alice", "ops", "size web 6")
    await bot.told("alice", "ops", "You may not size", private=True)


async def test_many_commands_of_one_person_share_a_look_up(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    server.limits.enabled = True
    server.limits.methods["users.info"] = 1
    server.limits.methods["apps.connections.open"] = None
    async with office(tmp_path, server, world) as bot:
        await asyncio.gather(*(bot.ask("vera", "ops", f"echo w{n}") for n in range(5)))
        for number in range(5):
            await bot.told("vera", "ops", f"w{number} for vera", private=True)


async def test_before_its_own_workspace_is_known_nobody_passes_for_one_of_it() -> None:
    server = SlackServer(limits=Limits.off())
    stranger = server.workspace.person("sam")
    stranger.is_stranger = False  # only the workspace tells
    await server.start()
    client = AsyncWebClient(token=server.bot_token, base_url=server.api_url)
    people = People(client, lambda actor: actor, now)
    try:
        asker, known = await people.fetch(server.workspace.team_id, stranger.id, "sam")
    finally:
        await people.close()
        await server.close()
    assert known
    assert asker.external
