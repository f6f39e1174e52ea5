"""Uploads by the real `files_upload_v2`: three steps, a later share, alt text, threads."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import ManualClock, SlackServer


async def test_a_graph_lands_in_the_thread_a_little_later(
    client: AsyncWebClient, server: SlackServer, ops: str, clock: ManualClock, until: Any
) -> None:
    server.limits.share_delay = 2.0
    root = await client.chat_postMessage(channel=ops, text="CPU is high")
    done = await client.files_upload_v2(
        channel=ops,
        thread_ts=root["ts"],
        filename="cpu.png",
        content=b"\x89PNG",
        title="CPU",
        alt_txt="CPU of 5 pods",
        initial_comment="the graph",
    )
    file_id = done["file"]["id"]
    assert (await client.files_info(file=file_id))["file"]["shares"] == {}
    await until(lambda: clock.sleepers)
    clock.advance(2.0)
    message = await server.wait_for_message("bob", "ops", lambda m: bool(m.files))

    assert (message.text, message.thread_ts) == ("the graph", root["ts"])
    info = (await client.files_info(file=file_id))["file"]
    assert info["shares"]["public"][ops][0]["thread_ts"] == root["ts"]
    assert (info["mimetype"], info["alt_txt"], info["size"]) == ("image/png", "CPU of 5 pods", 4)


async def test_private_files_need_the_token(
    client: AsyncWebClient, server: SlackServer, ops: str, session: aiohttp.ClientSession
) -> None:
    done = await client.files_upload_v2(channel=ops, filename="log.txt", content="line\n")
    url = done["file"]["url_private"]
    assert (await session.get(url)).status == 404
    headers = {"Authorization": f"Bearer {server.bot_token}"}
    assert await (await session.get(url, headers=headers)).text() == "line\n"


async def test_alt_text_has_at_most_a_thousand_characters(client: AsyncWebClient) -> None:
    await client.files_getUploadURLExternal(filename="a.png", length=1, alt_txt="x" * 1000)
    with pytest.raises(SlackApiError, match="alt_txt_too_large"):
        await client.files_getUploadURLExternal(filename="a.png", length=1, alt_txt="x" * 1001)


async def test_the_upload_address_takes_the_announced_bytes_once(
    client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    reserved = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    url = reserved["upload_url"]
    assert (await session.post(url, data=b"four")).status == 400
    assert (await session.post(url, data=b"one")).status == 200
    assert (await session.post(url, data=b"two")).status == 404


async def test_completing_needs_all_steps_and_a_channel_of_the_bot(
    client: AsyncWebClient, server: SlackServer, ops: str, session: aiohttp.ClientSession
) -> None:
    async def complete(file_id: str, **where: Any) -> str:
        with pytest.raises(SlackApiError) as refused:
            await client.files_completeUploadExternal(files=[{"id": file_id}], **where)
        return str(refused.value.response["error"])

    reserved = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    file_id = reserved["file_id"]
    assert await complete("F0NOTHING") == "file_not_found"
    assert await complete(file_id) == "file_upload_not_complete"
    await session.post(reserved["upload_url"], data=b"abc")
    general = server.workspace.channel("general").id
    assert await complete(file_id, channel_id=general) == "not_in_channel"
    assert await complete(file_id, channel_id=ops, thread_ts="1.000001") == "invalid_thread_ts"
    done = await client.files_completeUploadExternal(files=[{"id": file_id}])
    assert done["files"][0]["title"] == "a.txt"


async def test_the_retired_upload_is_refused(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError, match="method_deprecated"):
        await client.api_call("files.upload", data={"content": "x"})
