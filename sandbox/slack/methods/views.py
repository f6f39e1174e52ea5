"""views.*: modals (a stack of at most three) and Home tabs."""

from __future__ import annotations

from sandbox.slack.blocks import check_view
from sandbox.slack.entities import JSON, View
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.base import Call
from sandbox.slack.modals import place, replace
from sandbox.slack.shapes import view_json


def _result(call: Call, view: View) -> JSON:
    return {"view": view_json(call.ws, view)}


async def open_view(call: Call) -> JSON:
    """views.open: a new modal for whoever made the trigger."""
    payload = check_view(call.json("view"))
    user, _inside = call.core.triggers.exchange(_trigger(call))
    call.ws.modals[user] = []
    return _result(call, place(call.ws, user, payload))


async def push(call: Call) -> JSON:
    """views.push: another modal on top of the one in which the trigger was made."""
    payload = check_view(call.json("view"))
    user, inside = call.core.triggers.exchange(_trigger(call))
    if inside is None or call.ws.open_modal(user) is None:
        raise SlackError("not_found")
    return _result(call, place(call.ws, user, payload))


def _trigger(call: Call) -> str:
    return call.text("trigger_id", error="invalid_trigger_id")


async def update(call: Call) -> JSON:
    """views.update: by `view_id` or `external_id`; `hash` guards against a lost race."""
    given = call.json("view")
    view = _find(call)
    if view is None:
        raise SlackError("not_found")
    wanted = call.text("hash")
    if wanted and wanted != view.hash:
        raise SlackError("hash_conflict")
    replace(call.ws, view, check_view(given, home=view.is_home))
    return _result(call, view)


def _find(call: Call) -> View | None:
    if view_id := call.text("view_id"):
        return call.ws.find_view(view_id)
    external = call.text("external_id", error="invalid_arguments")
    for stack in call.ws.modals.values():
        for view in stack:
            if view.payload.get("external_id") == external:
                return view
    return None


async def publish(call: Call) -> JSON:
    """views.publish: somebody's Home tab."""
    payload = check_view(call.json("view"), home=True)
    user = call.user("user_id")
    home = call.ws.homes.get(user.id)
    if home is None:
        view_id = call.ws.new_id("V")
        home = View(view_id, user.id, payload, call.ws.new_ts(), view_id)
        call.ws.homes[user.id] = home
        call.ws.feed.publish("home", user=user.id)
    else:
        wanted = call.text("hash")
        if wanted and wanted != home.hash:
            raise SlackError("hash_conflict")
        replace(call.ws, home, payload)
    return _result(call, home)
