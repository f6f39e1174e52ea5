"""Modals on a person's screen: placing, replacing, closing, and what their inputs hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.slack.blocks import elements_of
from sandbox.slack.elements import INPUT_ELEMENTS
from sandbox.slack.entities import JSON, View
from sandbox.slack.errors import Refused, SlackError
from sandbox.slack.model import Workspace

STACK = 3
INITIAL = {
    "initial_value": "value",
    "initial_option": "selected_option",
    "initial_options": "selected_options",
    "initial_date": "selected_date",
    "initial_time": "selected_time",
    "initial_date_time": "selected_date_time",
    "initial_user": "selected_user",
    "initial_users": "selected_users",
    "initial_channel": "selected_channel",
    "initial_channels": "selected_channels",
    "initial_conversation": "selected_conversation",
    "initial_conversations": "selected_conversations",
}
VALUE_KEY = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
}


def place(ws: Workspace, user: str, payload: JSON) -> View:
    """Put a modal on top of this person's stack.

    Raises:
        SlackError: `push_limit_reached` beyond three, `duplicate_external_id`.
    """
    stack = ws.modals.setdefault(user, [])
    if len(stack) >= STACK:
        raise SlackError("push_limit_reached")
    external = payload.get("external_id")
    if external and any(
        v.payload.get("external_id") == external for views in ws.modals.values() for v in views
    ):
        raise SlackError("duplicate_external_id")
    view_id = ws.new_id("V")
    below = stack[-1] if stack else None
    view = View(
        view_id,
        user,
        payload,
        ws.new_ts(),
        root_id=below.root_id if below else view_id,
        previous_id=below.id if below else None,
    )
    view.state = initial_state(payload)
    stack.append(view)
    ws.feed.publish("view", user=user, view_id=view.id)
    return view


def replace(ws: Workspace, view: View, payload: JSON) -> None:
    """Give a view new content; what was typed stays where block and action ids stay."""
    fresh = initial_state(payload)
    for block_id, actions in fresh.items():
        for action_id in actions:
            kept = view.state.get(block_id, {}).get(action_id)
            if kept and kept.get("type") == actions[action_id].get("type"):
                actions[action_id] = kept
    view.payload, view.state, view.errors = payload, fresh, {}
    view.hash = ws.new_ts()
    ws.feed.publish("home" if view.is_home else "view", user=view.user, view_id=view.id)


def close_top(ws: Workspace, user: str) -> None:
    """Take the top modal away; the one below comes back."""
    stack = ws.modals.get(user, [])
    if stack:
        stack.pop()
    ws.feed.publish("view", user=user)


def close_all(ws: Workspace, user: str) -> None:
    """Take the whole stack away."""
    ws.modals.pop(user, None)
    ws.feed.publish("view", user=user)


# -- state --------------------------------------------------------------------------------------


def inputs_of(payload: JSON) -> list[tuple[JSON, JSON]]:
    """Every (block, element) of a view that holds a value."""
    return [
        (block, element)
        for block in payload.get("blocks", [])
        for element in elements_of(block)
        if element.get("type") in INPUT_ELEMENTS
    ]


def initial_state(payload: JSON) -> dict[str, JSON]:
    """`state.values` before anybody touched anything."""
    values: dict[str, JSON] = {}
    for block, element in inputs_of(payload):
        key = VALUE_KEY[element["type"]]
        empty: Any = [] if key.endswith("s") else None
        start = next((element[k] for k in INITIAL if k in element), empty)
        state = {"type": element["type"], key: start}
        values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def element_value(element: JSON, value: Any) -> JSON:
    """What `state.values` or an action holds for a value as a test or the page gives it.

    Options are given by their value, everything else as it is.

    Raises:
        Refused: no such option.
    """
    key = VALUE_KEY[element["type"]]
    if key == "selected_option":
        chosen: Any = None if value in (None, "") else _option(element, value)
    elif key == "selected_options":
        chosen = [_option(element, single) for single in value or []]
    elif key == "value":
        chosen = None if value in (None, "") else str(value)
    else:
        chosen = value
    return {"type": element["type"], key: chosen}


def _option(element: JSON, value: Any) -> JSON:
    groups = [g.get("options", []) for g in element.get("option_groups", [])]
    options: list[JSON] = sum(groups, list(element.get("options", [])))
    for option in options:
        if value in (option.get("value"), option.get("text", {}).get("text")):
            return option
    raise Refused(f"there is no option {value!r}")


def fill(view: View, values: Mapping[str, Any]) -> None:
    """Enter values, each under its `block_id` or `action_id` (or a mapping below the block).

    Raises:
        Refused: a name that is not in the view.
    """
    known: dict[str, list[tuple[JSON, JSON]]] = {}
    for block, element in inputs_of(view.payload):
        known.setdefault(block["block_id"], []).append((block, element))
        known.setdefault(element["action_id"], []).append((block, element))
    for name, value in values.items():
        if name not in known:
            raise Refused(f"the view has no input {name!r}; it has: {', '.join(sorted(known))}")
        for block, element in known[name]:
            own = value
            if isinstance(value, Mapping):
                if element["action_id"] not in value:
                    continue
                own = value[element["action_id"]]
            state = element_value(element, own)
            view.state.setdefault(block["block_id"], {})[element["action_id"]] = state


def unfilled(view: View) -> dict[str, str]:
    """What Slack's client would complain about before it submits, by `block_id`."""
    wrong: dict[str, str] = {}
    for block, element in inputs_of(view.payload):
        if block.get("type") != "input":
            continue
        state = view.state.get(block["block_id"], {}).get(element["action_id"], {})
        value = state.get(VALUE_KEY[element["type"]])
        if value in (None, "", []):
            if not block.get("optional"):
                wrong[block["block_id"]] = "Please complete this required field."
            continue
        problem = _length_problem(element, value)
        if problem:
            wrong[block["block_id"]] = problem
    return wrong


def _length_problem(element: JSON, value: Any) -> str | None:
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if len(value) < least:
            return f"Please enter at least {least} characters."
        if len(value) > most:
            return f"Please enter at most {most} characters."
    if element["type"] == "number_input":
        try:
            number = float(value)
        except ValueError:
            return "Please enter a number."
        if not element.get("is_decimal_allowed") and number != int(number):
            return "Please enter a whole number."
        if number < float(element.get("min_value", number)):
            return f"Please enter a number of at least {element['min_value']}."
        if number > float(element.get("max_value", number)):
            return f"Please enter a number of at most {element['max_value']}."
    return None
