"""Block Kit validation for messages and views, as strict as Slack's.

Numbers: docs.slack.dev/reference/block-kit and slack_sdk 3.47 models; the sum over all blocks of
a message (about 13,200 characters) is undocumented and was reported in bolt-js #2509.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable
from typing import Any

from sandbox.slack.checks import Check
from sandbox.slack.elements import (
    ACCESSORIES,
    ACTION_ELEMENTS,
    INPUT_ELEMENTS,
    INPUT_ONLY,
    check_element,
    check_image,
)
from sandbox.slack.entities import JSON
from sandbox.slack.errors import SlackError
from sandbox.slack.tables import check_data_table, check_table

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
ALL_CHARACTERS = 13_200
ATTACHMENTS = 100
VIEW_BYTES = 250_000
MODAL_ONLY = {"input", "alert"}
MESSAGE_ONLY = {"table", "data_table", "markdown", "plan", "task_card"}
STATUSES = ("pending", "in_progress", "complete", "error")


def check_message_blocks(given: Any) -> list[JSON]:
    """Validate a message's blocks and give them back with the ids that Slack fills in.

    Raises:
        SlackError: `invalid_blocks_format`, `invalid_blocks` or `msg_blocks_too_long`.
    """
    blocks = _as_list(given)
    check = Check()
    check.items(blocks, "/blocks", MESSAGE_BLOCKS, least=0)
    for i, block in enumerate(blocks):
        _block(check, block, f"/blocks/{i}", forbidden=MODAL_ONLY)
    if check.problems:
        raise SlackError.invalid("invalid_blocks", check.problems)
    if check.characters > ALL_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return with_ids(blocks)


def check_attachments(given: Any) -> list[JSON]:
    """Validate attachments: at most 100, blocks inside by the same rules.

    Raises:
        SlackError: `invalid_attachments`, `too_many_attachments`, or a refusal of the blocks.
    """
    attachments = _parse(given, "invalid_attachments")
    if not isinstance(attachments, list) or not all(isinstance(a, dict) for a in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    result = []
    for number, attachment in enumerate(attachments, start=1):
        filled = {"id": number, **attachment}
        if "blocks" in filled:
            filled["blocks"] = check_message_blocks(filled["blocks"])
        result.append(filled)
    return result


def check_view(given: Any, *, home: bool = False) -> JSON:
    """Validate a modal or Home view and give it back with ids filled in.

    Raises:
        SlackError: `invalid_arguments` with each problem, or `view_too_large`.
    """
    view = _parse(given, "invalid_arguments")
    if not isinstance(view, dict):
        raise SlackError.invalid("invalid_arguments", ["must be an object [json-pointer:/view]"])
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    check = Check()
    check.choice(view.get("type") or "", "/view/type", ("home",) if home else ("modal",))
    _view_fields(check, view, home=home)
    has_input = False
    for i, block in enumerate(check.items(view.get("blocks"), "/view/blocks", VIEW_BLOCKS)):
        _block(check, block, f"/view/blocks/{i}", forbidden=MESSAGE_ONLY)
        has_input |= isinstance(block, dict) and block.get("type") == "input"
    if has_input and not home and view.get("submit") is None:
        check.fail("missing required field: submit", "/view")
    if check.problems:
        raise SlackError.invalid("invalid_arguments", check.problems)
    return {**view, "blocks": with_ids(view["blocks"])}


def _view_fields(check: Check, view: JSON, *, home: bool) -> None:
    if home:
        for name in ("submit", "close"):
            if view.get(name) is not None:
                check.fail(f"a home view cannot have {name}", "/view")
    else:
        check.text(view.get("title"), "/view/title", 24, plain=True)
        check.text(view.get("submit"), "/view/submit", 24, plain=True, required=False)
        check.text(view.get("close"), "/view/close", 24, plain=True, required=False)
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        check.string(view.get(name), f"/view/{name}", most, least=0, required=False)


def with_ids(blocks: list[JSON]) -> list[JSON]:
    """A copy of the blocks with a random `block_id` and `action_id` where none was given."""
    filled = copy.deepcopy(blocks)
    for block in filled:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in elements_of(block):
            if element.get("type") not in (None, "image", "plain_text", "mrkdwn"):
                element.setdefault("action_id", secrets.token_urlsafe(4))
    return filled


def elements_of(block: JSON) -> list[JSON]:
    """The elements that a person can use in a block, those of nested blocks included."""
    found: list[JSON] = []
    if block.get("type") in ("actions", "context_actions"):
        found += block.get("elements", [])
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict):
            found.append(block[key])
    for child in block.get("child_blocks", []):
        found += elements_of(child)
    return found


# -- blocks -------------------------------------------------------------------------------------


def _block(check: Check, block: Any, at: str, forbidden: set[str]) -> None:
    if not isinstance(block, dict):
        check.fail("must be an object", at)
        return
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _RULES or kind in forbidden:
        check.fail(f"unsupported type: {kind}", f"{at}/type")
        return
    check.block_id(block, at)
    _RULES[kind](check, block, at)


def _section(check: Check, block: JSON, at: str) -> None:
    if block.get("text") is None and block.get("fields") is None:
        check.fail("missing required field: text", at)
    check.text(block.get("text"), f"{at}/text", 3000, required=False)
    if block.get("fields") is not None:
        for i, entry in enumerate(check.items(block["fields"], f"{at}/fields", 10)):
            check.text(entry, f"{at}/fields/{i}", 2000)
    if (accessory := block.get("accessory")) is not None:
        check_element(check, accessory, f"{at}/accessory", ACCESSORIES)
        check.action_ids([accessory], f"{at}/accessory")


def _header(check: Check, block: JSON, at: str) -> None:
    check.text(block.get("text"), f"{at}/text", 150, plain=True)


def _markdown(check: Check, block: JSON, at: str) -> None:
    check.string(block.get("text"), f"{at}/text", 12_000)
    check.characters += len(block.get("text") or "")


def _context(check: Check, block: JSON, at: str) -> None:
    for i, element in enumerate(check.items(block.get("elements"), f"{at}/elements", 10)):
        here = f"{at}/elements/{i}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_image(check, element, here)
        else:
            check.text(element, here, 3000)


def _actions(check: Check, block: JSON, at: str) -> None:
    elements = check.items(block.get("elements"), f"{at}/elements", 25)
    for i, element in enumerate(elements):
        check_element(check, element, f"{at}/elements/{i}", ACTION_ELEMENTS)
    check.action_ids(elements, f"{at}/elements")


def _context_actions(check: Check, block: JSON, at: str) -> None:
    elements = check.items(block.get("elements"), f"{at}/elements", 5)
    check.action_ids(elements, f"{at}/elements")


def _image(check: Check, block: JSON, at: str) -> None:
    check_image(check, block, at)
    check.text(block.get("title"), f"{at}/title", 2000, plain=True, required=False)


def _input(check: Check, block: JSON, at: str) -> None:
    check.text(block.get("label"), f"{at}/label", 2000, plain=True)
    check.text(block.get("hint"), f"{at}/hint", 2000, plain=True, required=False)
    element = block.get("element")
    if element is None:
        check.fail("missing required field: element", at)
        return
    check_element(check, element, f"{at}/element", INPUT_ELEMENTS | INPUT_ONLY)
    check.action_ids([element], f"{at}/element")


def _rich_text(check: Check, block: JSON, at: str) -> None:
    allowed = {f"rich_text_{part}" for part in ("section", "list", "preformatted", "quote")}
    for i, element in enumerate(check.items(block.get("elements"), f"{at}/elements", 10_000)):
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in allowed:
            check.fail(f"unsupported type: {kind}", f"{at}/elements/{i}/type")
        else:
            check.items(element.get("elements"), f"{at}/elements/{i}/elements", 10_000, least=0)


def _alert(check: Check, block: JSON, at: str) -> None:
    check.text(block.get("text"), f"{at}/text", 200)
    levels = ("default", "info", "warning", "error", "success")
    check.choice(block.get("level"), f"{at}/level", levels)


def _container(check: Check, block: JSON, at: str) -> None:
    if block.get("rich_text_title") is None:
        check.text(block.get("title"), f"{at}/title", 150, plain=True)
    check.text(block.get("subtitle"), f"{at}/subtitle", 150, required=False)
    for i, child in enumerate(check.items(block.get("child_blocks"), f"{at}/child_blocks", 10)):
        _block(check, child, f"{at}/child_blocks/{i}", {"container", *MODAL_ONLY})


def _task_card(check: Check, block: JSON, at: str) -> None:
    check.string(block.get("task_id"), f"{at}/task_id", 255)
    check.string(block.get("title"), f"{at}/title", 150)
    check.choice(block.get("status"), f"{at}/status", STATUSES)


def _plan(check: Check, block: JSON, at: str) -> None:
    check.string(block.get("title"), f"{at}/title", 150)
    for i, task in enumerate(block.get("tasks") or []):
        _block(check, task, f"{at}/tasks/{i}", set(_RULES) - {"task_card"})


def _nothing(check: Check, block: JSON, at: str) -> None:
    """A divider has no fields."""


_RULES: dict[str, Callable[[Check, JSON, str], None]] = {
    "actions": _actions,
    "alert": _alert,
    "container": _container,
    "context": _context,
    "context_actions": _context_actions,
    "data_table": check_data_table,
    "divider": _nothing,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "plan": _plan,
    "rich_text": _rich_text,
    "section": _section,
    "table": check_table,
    "task_card": _task_card,
}


def _parse(given: Any, code: str) -> Any:
    """A value that clients may send as JSON text."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise SlackError(code) from None


def _as_list(given: Any) -> list[Any]:
    blocks = _parse(given, "invalid_blocks_format")
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    return blocks
