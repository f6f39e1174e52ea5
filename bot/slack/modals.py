"""Modals: the field for a typed name, and the form of what a button leaves open. Pure.

Limits: docs.slack.dev/reference/views/modal-views, docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.grammar import Form

FORM = "onprem_form"
TITLE, LABEL, PLACEHOLDER, SECTION = 24, 2000, 150, 3000
_NAME = "name"

View = dict[str, Any]


def name_wanted(name: str, kept: Mapping[str, Any]) -> View:
    """Asks for a name to be typed.

    Args:
        name: What has to be typed.
        kept: Comes back with what was typed: JSON.
    """
    element = {"placeholder": _plain(name, PLACEHOLDER), "focus_on_load": True}
    field = _input(_NAME, f"Type {name} to go on", element)
    return _view("onprem_type_name", "Are you sure?", [field], kept)


def form(wanted: Form, kept: Mapping[str, Any]) -> View:
    """Asks for what a command leaves open.

    Args:
        wanted: The questions.
        kept: Comes back with the answers: JSON.
    """
    blocks: list[View] = [{"type": "section", "text": _plain(wanted.summary, SECTION)}]
    for number, one in enumerate(wanted.fields):
        element: View = {"focus_on_load": number == 0}
        if one.value:
            element["initial_value"] = one.value
        blocks.append(_input(one.name, one.label, element, optional=not one.needed))
    return _view(FORM, wanted.command.capitalize(), blocks, kept)


def typed(view: Mapping[str, Any]) -> dict[str, str]:
    """What was typed into each field, by its name, in the order of the fields."""
    values = (view.get("state") or {}).get("values") or {}
    return {name: str((values[name].get(name) or {}).get("value") or "") for name in values}


def name_typed(view: Mapping[str, Any]) -> str:
    """The name that was typed."""
    return typed(view).get(_NAME, "").strip()


def _view(callback: str, title: str, blocks: list[View], kept: Mapping[str, Any]) -> View:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(title, TITLE),
        "submit": _plain("Go on", TITLE),
        "close": _plain("Leave it", TITLE),
        "private_metadata": json.dumps(dict(kept)),
        "blocks": blocks,
    }


def _input(name: str, label: str, element: View, *, optional: bool = False) -> View:
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(label, LABEL),
        "optional": optional,
        "element": {"type": "plain_text_input", "action_id": name, **element},
    }


def _plain(text: str, longest: int) -> View:
    return {"type": "plain_text", "text": text[:longest]}
