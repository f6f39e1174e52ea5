"""Over HTTP: who may post, what is refused for good, and what is asked to come again."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.alerts.receiver import AT_ONCE, BODY, Receiver
from bot.alerts.webhook import Delivery
from bot.errors import StoreUnavailable
from tests.bot.alerts.conftest import START
from tests.bot.alerts.payloads import alert, body

TOKEN = "a-token-of-alertmanager"


class Keeper:
    """Takes notifications as a test wants."""

    def __init__(self) -> None:
        self.kept: list[Delivery] = []
        self.noted: list[tuple[str, str]] = []
        self.away: list[tuple[str, str]] = []
        self.full = self.broken = self.again = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.token = TOKEN

    async def take(self, delivery: Delivery) -> None:
        await self.gate.wait()
        if self.full:
            raise StoreUnavailable("The state cannot be written", why="the disk is full")
        if self.broken:
            raise KeyError("a fault of ours")
        self.kept.append(delivery)

    async def refused(self, cluster: str, why: str, *, again: bool = False) -> None:
        if self.full:
            raise StoreUnavailable("The state cannot be written", why="the disk is full")
        self.again = again
        self.noted.append((cluster, why))

    async def turned_away(self, kind: str, why: str) -> None:
        if self.full:
            raise StoreUnavailable("The state cannot be written", why="the disk is full")
        self.away.append((kind, why))


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
async def url(keeper: Keeper) -> AsyncIterator[str]:
    receiver = Receiver(
        "127.0.0.1:0",
        lambda: keeper.token,
        lambda: ("main", "spare"),
        keeper.take,
        keeper,
    )
    await receiver.start()
    yield f"http://127.0.0.1:{receiver.port}"
    await receiver.close()


async def post(
    url: str, content: bytes, *, token: str = f"Bearer {TOKEN}", path: str = "/alerts/main"
) -> tuple[int, str]:
    headers = {"Authorization": token} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + path, data=io.BytesIO(content), headers=headers) as answer,
    ):
        return answer.status, await answer.text()


FINE = body(alert(START))


async def test_what_is_kept_is_answered_and_says_its_cluster(url: str, keeper: Keeper) -> None:
    assert (await post(url, FINE))[0] == 200
    assert (await post(url, FINE, path="/alerts/spare"))[0] == 200
    assert (await post(url, FINE, path="/alerts"))[0] == 200
    assert [one.cluster for one in keeper.kept] == ["main", "spare", "main"]


@pytest.mark.parametrize(
    "token",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \u00e4" * 3],
)
async def test_without_the_token_nothing_is_read(url: str, keeper: Keeper, token: str) -> None:
    assert (await post(url, b"[" * 1000, token=token))[0] == 401
    assert keeper.kept == []
    assert keeper.noted == []
    assert keeper.away == [("token", "The first came from 127.0.0.1.")]


async def test_an_empty_token_lets_nobody_in(url: str, keeper: Keeper) -> None:
    keeper.token = ""
    assert (await post(url, FINE, token="Bearer "))[0] == 401


async def test_a_changed_token_counts_at_once(url: str, keeper: Keeper) -> None:
    keeper.token = "another"
    assert (await post(url, FINE))[0] == 401
    assert (await post(url, FINE, token="bearer another"))[0] == 200


async def test_an_unknown_cluster_is_named_with_those_there_are(url: str, keeper: Keeper) -> None:
    status, said = await post(url, FINE, path="/alerts/nowhere")
    assert status == 404
    assert "main, spare" in said
    assert keeper.away == [("cluster", "The first was for nowhere.")]
    await post(url, FINE, path=f"/alerts/{'n' * 4000}")
    assert keeper.away[1] == ("cluster", f"The first was for {'n' * 63}.")


async def test_a_full_disk_does_not_change_what_a_stranger_hears(url: str, keeper: Keeper) -> None:
    keeper.full = True
    assert (await post(url, FINE, token="Bearer wrong"))[0] == 401
    assert (await post(url, FINE, path="/alerts/nowhere"))[0] == 404


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"no json", 400, "no JSON"),
        (b"[" * 500_000, 400, "nested too deeply"),
        (b'{"version": "5"}', 400, "its version is 5"),
        (b'{"x": "' + b"y" * BODY + b'"}', 413, "larger than 1024 KiB"),
    ],
)
async def test_what_can_never_be_read_is_refused_and_told(
    url: str, keeper: Keeper, content: bytes, status: int, words: str
) -> None:
    found, said = await post(url, content)
    assert found == status
    assert words in said
    ((cluster, why),) = keeper.noted
    assert cluster == "main"
    assert words in why


async def test_a_body_just_below_the_limit_is_taken(url: str, keeper: Keeper) -> None:
    padding = "y" * (BODY - len(FINE) - 100)
    assert (await post(url, body(alert(START), padding=padding)))[0] == 200


async def test_what_cannot_be_kept_now_has_to_come_again(url: str, keeper: Keeper) -> None:
    keeper.full = True
    assert (await post(url, FINE))[0] == 503
    assert (await post(url, b"no json"))[0] == 503
    keeper.full = False
    assert (await post(url, FINE))[0] == 200


async def test_under_pressure_the_rest_is_asked_to_come_again(url: str, keeper: Keeper) -> None:
    keeper.gate.clear()
    first = [asyncio.create_task(post(url, FINE)) for _ in range(AT_ONCE + 10)]
    done, _ = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 10:
        done, _ = await asyncio.wait(first, timeout=0.05)
    assert {task.result()[0] for task in done} == {503}
    keeper.gate.set()
    statuses = [status for status, _ in await asyncio.gather(*first)]
    assert statuses.count(200) == AT_ONCE == len(keeper.kept)
    assert (await post(url, FINE))[0] == 200


async def test_other_methods_and_paths_are_none_of_it(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/alerts/main") as answer:
            assert answer.status == 405
        async with session.post(f"{url}/") as answer:
            assert answer.status == 404


async def test_a_fault_of_the_bot_is_told_and_asks_to_come_again(url: str, keeper: Keeper) -> None:
    keeper.broken = True
    status, said = await post(url, body(alert(START)))
    assert status == 500
    assert "fault of mine" in said
    assert "a fault of ours" not in said, "what broke is in the log only"
    ((cluster, why),) = keeper.noted
    assert (cluster, keeper.again) == ("main", True)
    assert "my log says more" in why
    keeper.broken = False
    assert (await post(url, body(alert(START))))[0] == 200
