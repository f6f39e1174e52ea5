"""Events of a story: what happens without the bot, and what the bot must tell of by itself."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.kube.resources import NAMESPACES
from sandbox.slack.entities import Message
from sandbox.tour.acts import Act, Chapter, Event, absent
from sandbox.tour.happenings import delete_namespace, trouble, users_are
from sandbox.tour.play import Player
from sandbox.tour.show import Page, text_of
from sandbox.velero.definitions import LOCATIONS
from sandbox.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World.start() as world:
        yield world


class Stage:
    """Plays events in a world without a bot."""

    def __init__(self, world: World) -> None:
        self.world, self.shown = world, io.StringIO()
        self.moments: list[tuple[str, str]] = []

    async def play(self, *events: Event) -> list[str]:
        player = Player(self.world, Page(self.shown, colour=False), self._moment)
        return await player.play([Chapter("A test", events)])

    async def _moment(self, act: Act | Event, message: Message) -> None:
        self.moments.append((act.name, text_of(message, str)))


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def saying(text: str) -> Event:
    """The bot says something in #ops by itself."""

    async def happen(world: World) -> str:
        url = f"{world.slack.api_url}chat.postMessage"
        headers = {"Authorization": f"Bearer {world.slack.bot_token}"}
        said = {"channel": world.slack.workspace.channel("ops").id, "text": text}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(url, json=said) as answer,
        ):
            return "" if (await answer.json())["ok"] else await answer.text()

    return Event("It rains", happen, channel="ops", expects=("umbrella",), seconds=0.2, name="rain")


async def test_what_the_bot_says_by_itself_is_shown(stage: Stage) -> None:
    assert await stage.play(saying("take an umbrella")) == []
    told = stage.shown.getvalue()
    assert "   ~ It rains\n   #ops  onprem, by itself\n      │ take an umbrella\n" in told
    assert stage.moments == [("rain", "take an umbrella")]


async def test_silence_and_other_words_are_named(stage: Stage) -> None:
    [problem] = await stage.play(saying("the sun shines"))
    assert problem == "It rains: #ops hears the sun shines within 0.2 s"
    assert "✗ #ops hears the sun shines" in stage.shown.getvalue()
    assert stage.moments == []


async def test_what_does_not_happen_ends_the_story(stage: Stage, world: World) -> None:
    lost = Event("Users are counted", users_are(3))
    problems = await stage.play(lost, Event("Never", delete_namespace("default")))
    assert problems == ["Users are counted: the cluster has no pod parse-mongodb-0"]
    assert world.clusters[0].store.peek(NAMESPACES, None, "default")


async def test_a_namespace_goes_and_the_world_is_looked_at(stage: Stage, world: World) -> None:
    world.clusters[0].store.create(NAMESPACES, {"metadata": {"name": "shop"}})
    assert absent("shop")(world) == "namespace shop is still there"
    assert await stage.play(Event("It goes", delete_namespace("shop"), check=absent("shop"))) == []


async def test_trouble_is_made_by_word(stage: Stage, world: World) -> None:
    def phase() -> str:
        found = world.clusters[0].store.peek(LOCATIONS, "velero", "default") or {}
        return str(found.get("status", {}).get("phase"))

    await world.clusters[0].wait_for(lambda: phase() == "Available", 10)

    def away(_: World) -> str:
        return "" if phase() == "Unavailable" else f"it is {phase()}"

    assert await stage.play(Event("It rains", trouble("store-away"), check=away)) == []
