"""files.*: the three-step upload. The share into the channel appears a little later."""

from __future__ import annotations

import mimetypes

from sandbox.slack.entities import JSON, Channel, File
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.base import Call
from sandbox.slack.shapes import file_json

ALT_TEXT_MAX = 1000


async def get_upload_url(call: Call) -> JSON:
    """files.getUploadURLExternal: reserves an id for `length` bytes."""
    name = call.text("filename", error="invalid_arguments")
    length = call.number("length", 0)
    if length <= 0:
        raise SlackError("missing_argument")
    alt = call.text("alt_txt")
    if len(alt) > ALT_TEXT_MAX:
        raise SlackError("alt_txt_too_large")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    file = File(
        call.ws.new_id("F"),
        name,
        length,
        call.ws.app.bot_user,
        alt_txt=alt,
        mimetype=kind,
        created=int(call.core.clock.now()),
    )
    call.ws.files[file.id] = file
    return {"upload_url": f"{call.core.base_url}/upload/v1/{file.id}", "file_id": file.id}


async def complete_upload(call: Call) -> JSON:
    """files.completeUploadExternal: makes files real and shares them, at once or in a thread."""
    entries = call.json("files")
    if not isinstance(entries, list) or not entries:
        raise SlackError("invalid_arguments")
    files = [_finished(call, entry) for entry in entries]
    channels = _channels(call)
    thread_ts = call.text("thread_ts") or None
    if thread_ts:
        if len(channels) != 1:
            raise SlackError("invalid_arguments")
        if thread_ts not in channels[0].messages:
            raise SlackError("invalid_thread_ts")
    for file, entry in zip(files, entries, strict=True):
        file.title = str(entry.get("title") or file.name)
        file.state = "complete"
    for channel in channels:
        call.core.spawn(_share(call, files, channel, thread_ts))
    return {"files": [file_json(call.ws, file, call.core.base_url) for file in files]}


def _finished(call: Call, entry: object) -> File:
    file = call.ws.files.get(entry.get("id", "")) if isinstance(entry, dict) else None
    if file is None:
        raise SlackError("file_not_found")
    if file.state == "reserved":
        raise SlackError("file_upload_not_complete")
    return file


def _channels(call: Call) -> list[Channel]:
    names = call.text("channel_id") or call.text("channels")
    channels = []
    for name in names.split(","):
        if not name:
            continue
        call.args["channel"] = name
        channel = call.channel()
        if not call.is_member(channel):
            raise SlackError("not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
        channels.append(channel)
    return channels


async def _share(call: Call, files: list[File], channel: Channel, thread_ts: str | None) -> None:
    await call.core.clock.sleep(call.core.limits.share_delay)
    message = call.ws.post(
        channel,
        call.ws.app.bot_user,
        call.text("initial_comment"),
        thread_ts=thread_ts,
        files=[file.id for file in files],
        bot_id=call.ws.app.bot_id,
        app_id=call.ws.app.id,
    )
    for file in files:
        file.shares.append((channel.id, message.ts, thread_ts))


async def info(call: Call) -> JSON:
    """files.info."""
    file = call.ws.files.get(call.text("file", error="file_not_found"))
    if file is None or file.state != "complete":
        raise SlackError("file_not_found")
    return {"file": file_json(call.ws, file, call.core.base_url)}


async def upload_retired(call: Call) -> JSON:
    """files.upload: switched off for every app in November 2025."""
    raise SlackError("method_deprecated")
