"""The HTTP way in: signatures, stale and odd requests, and the same commands."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from sandbox.slack import SlackServer
from tests.bot.engine.conftest import World
from tests.bot.slack.conftest import Office, buttons, office

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def web(tmp_path: Path, server: SlackServer, world: World) -> AsyncIterator[Office]:
    async with office(tmp_path, server, world, mode="http", listen="127.0.0.1:0") as made:
        port = made.surface.port
        server.workspace.app.request_url = f"http://127.0.0.1:{port}/slack/events"
        yield made


async def send(
    office: Office,
    body: bytes,
    *,
    stamp: str = "",
    secret: str = "",
    signature: str = "",
    kind: str = FORM,
) -> tuple[int, str]:
    stamp = stamp or str(int(time.time()))
    base = b"v0:" + stamp.encode() + b":" + body
    key = (secret or office.server.signing_secret).encode()
    signed = signature or "v0=" + hmac.new(key, base, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signed,
    }
    url = office.server.workspace.app.request_url
    assert url
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as answer,
    ):
        return answer.status, await answer.text()


def command(office: Office, text: str = "size web 5") -> bytes:
    return urlencode(
        {
            "command": "/onprem",
            "text": text,
            "team_id": office.team,
            "user_id": office.user("alice"),
            "channel_id": office.channel("ops"),
            "trigger_id": f"t{time.monotonic_ns()}",
            "response_url": "",
        }
    ).encode()


async def test_commands_mentions_buttons_and_fields_work_over_http(web: Office) -> None:
    web.world.size = 5
    await web.ask("alice", "ops", "size web 3")
    question = await web.told("bob", "ops", "Go on?", private=False)
    assert buttons(question)
    await web.server.click("bob", question, "Go on")
    await web.told("alice", "ops", "size is 3", private=False)
    web.server.mention("alice", "ops", "look")
    await web.told("alice", "ops", "size 3", private=True)
    await web.ask("alice", "ops", "size web 0")
    grave = await web.told("bob", "ops", "typing", private=False)
    await web.server.click("bob", grave, "Go on …")
    await web.server.wait_for(lambda: web.server.workspace.open_modal(web.user("bob")))
    await web.server.submit_view("bob", values={"name": "web"})
    await web.told("alice", "ops", "size is 0", private=False)


async def test_a_signed_request_is_taken(web: Office) -> None:
    assert (await send(web, command(web)))[0] == 200
    await web.told("bob", "ops", "size is 5")


@pytest.mark.parametrize(
    "stamp",
    ["soon", "-1", "1.5", "0", str(10**11), "9" * 5000, str(int(time.time()) - 301)],
    ids=["word", "negative", "fraction", "epoch", "future", "huge", "stale"],
)
async def test_a_stale_or_odd_timestamp_is_refused(web: Office, stamp: str) -> None:
    assert (await send(web, command(web), stamp=stamp))[0] == 401
    assert web.world.size == 1


async def test_a_wrong_signature_is_refused(web: Office) -> None:
    assert (await send(web, command(web), secret="guessed"))[0] == 401
    for signature in ("v0=", "v0=zz", "nonsense", "v1=" + "0" * 64):
        assert (await send(web, command(web), signature=signature))[0] == 401
    assert web.world.size == 1


async def test_a_request_without_headers_is_refused(web: Office) -> None:
    url = web.server.workspace.app.request_url
    assert url
    async with aiohttp.ClientSession() as session, session.post(url, data=b"x") as answer:
        assert answer.status == 401


async def test_a_body_too_large_is_refused(web: Office) -> None:
    assert (await send(web, b"text=" + b"a" * 1_100_000))[0] == 413


async def test_a_body_that_is_no_text_is_refused(web: Office) -> None:
    assert (await send(web, b"\xff\xfe\x00"))[0] in (400, 401)
    assert (await send(web, b"a=b", kind=f"{FORM}; charset=nonsense"))[0] == 400
    assert (await send(web, b"{not json", kind="application/json"))[0] == 400


async def test_slacks_check_of_the_address_is_answered(web: Office) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c-123"}).encode()
    status, text = await send(web, body, kind="application/json")
    assert status == 200
    assert "c-123" in text
    assert (await send(web, body, kind="application/json", secret="guessed"))[0] == 401


async def test_other_methods_and_paths_are_not_there(web: Office) -> None:
    url = web.server.workspace.app.request_url
    assert url
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert answer.status == 405
        async with session.post(url + "/other", data=b"") as answer:
            assert answer.status == 404
