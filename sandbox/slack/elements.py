"""Block Kit elements and composition objects: buttons, selects, inputs, options, confirms.

Limits: slack_sdk 3.47 models and docs.slack.dev/reference/block-kit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.slack.checks import Check
from sandbox.slack.entities import JSON

MULTI = {f"multi_{kind}_select" for kind in ("users", "conversations", "channels", "external")}
DYNAMIC_SELECTS = MULTI | {kind.removeprefix("multi_") for kind in MULTI}
STATIC_SELECTS = {"static_select", "multi_static_select"}
SELECTS = DYNAMIC_SELECTS | STATIC_SELECTS
TEXT_INPUTS = {"plain_text_input", "email_text_input", "url_text_input", "number_input"}
PICKERS = {"datepicker", "timepicker", "datetimepicker"}
CHOICES = {"radio_buttons", "checkboxes"}

INPUT_ELEMENTS = SELECTS | TEXT_INPUTS | PICKERS | CHOICES | {"file_input", "rich_text_input"}
ACTION_ELEMENTS = (
    SELECTS | PICKERS | CHOICES | {"button", "overflow", "workflow_button", "rich_text_input"}
)
ACCESSORIES = ACTION_ELEMENTS | {"image"}
INPUT_ONLY = {"file_input"} | TEXT_INPUTS


def check_element(check: Check, element: Any, at: str, allowed: set[str]) -> None:
    """Check one element against its type's rules."""
    if not isinstance(element, dict):
        check.fail("must be an object", at)
        return
    kind = element.get("type")
    if kind not in allowed:
        check.fail(f"unsupported type: {kind}", f"{at}/type")
        return
    if kind in _RULES:
        _RULES[kind](check, element, at)
    elif kind in DYNAMIC_SELECTS:
        _placeholder(check, element, at)
    if "confirm" in element:
        check_confirm(check, element["confirm"], f"{at}/confirm")


def check_confirm(check: Check, confirm: Any, at: str) -> None:
    """The confirmation dialog: title 100, text 300, buttons 30 characters."""
    if not isinstance(confirm, dict):
        check.fail("must be an object", at)
        return
    check.text(confirm.get("title"), f"{at}/title", 100, plain=True)
    check.text(confirm.get("text"), f"{at}/text", 300)
    check.text(confirm.get("confirm"), f"{at}/confirm", 30, plain=True)
    check.text(confirm.get("deny"), f"{at}/deny", 30, plain=True)
    check.choice(confirm.get("style"), f"{at}/style", ("primary", "danger"))


def check_options(
    check: Check, options: Any, at: str, most: int, *, plain: bool = True, unique: bool = True
) -> None:
    """A list of options with text and description of 75 and values of 150 characters."""
    values: set[str] = set()
    for i, option in enumerate(check.items(options, at, most)):
        here = f"{at}/{i}"
        if not isinstance(option, dict):
            check.fail("must be an object", here)
            continue
        check.text(option.get("text"), f"{here}/text", 75, plain=plain)
        check.text(option.get("description"), f"{here}/description", 75, required=False)
        check.string(option.get("value"), f"{here}/value", 150)
        check.string(option.get("url"), f"{here}/url", 3000, required=False)
        value = option.get("value")
        if unique and isinstance(value, str):
            if value in values:
                check.fail(f"option value {value!r} already exists", f"{here}/value")
            values.add(value)


def _placeholder(check: Check, element: JSON, at: str) -> None:
    value = element.get("placeholder")
    check.text(value, f"{at}/placeholder", 150, plain=True, required=False)


def _button(check: Check, element: JSON, at: str) -> None:
    check.text(element.get("text"), f"{at}/text", 75, plain=True)
    check.string(element.get("value"), f"{at}/value", 2000, least=0, required=False)
    check.string(element.get("url"), f"{at}/url", 3000, required=False)
    check.string(
        element.get("accessibility_label"), f"{at}/accessibility_label", 75, required=False
    )
    check.choice(element.get("style"), f"{at}/style", ("primary", "danger"))


def _static_select(check: Check, element: JSON, at: str) -> None:
    _placeholder(check, element, at)
    groups = element.get("option_groups")
    if groups is not None and element.get("options") is not None:
        check.fail("options and option_groups cannot both be given", at)
    if groups is None:
        check_options(check, element.get("options"), f"{at}/options", 100)
        return
    for i, group in enumerate(check.items(groups, f"{at}/option_groups", 100)):
        here = f"{at}/option_groups/{i}"
        if not isinstance(group, dict):
            check.fail("must be an object", here)
            continue
        check.text(group.get("label"), f"{here}/label", 75, plain=True)
        check_options(check, group.get("options"), f"{here}/options", 100)


def _overflow(check: Check, element: JSON, at: str) -> None:
    check_options(check, element.get("options"), f"{at}/options", 5)


def _choices(check: Check, element: JSON, at: str) -> None:
    check_options(check, element.get("options"), f"{at}/options", 10, plain=False)


def _text_input(check: Check, element: JSON, at: str) -> None:
    _placeholder(check, element, at)
    for name, least in (("min_length", 0), ("max_length", 1)):
        value = element.get(name)
        if value is not None and not (isinstance(value, int) and least <= value <= 3000):
            check.fail(f"must be a number from {least} to 3000", f"{at}/{name}")


def _number_input(check: Check, element: JSON, at: str) -> None:
    _placeholder(check, element, at)
    if not isinstance(element.get("is_decimal_allowed"), bool):
        check.fail("missing required field: is_decimal_allowed", at)


def _file_input(check: Check, element: JSON, at: str) -> None:
    most = element.get("max_files", 10)
    if not isinstance(most, int) or not 1 <= most <= 10:
        check.fail("must be a number from 1 to 10", f"{at}/max_files")


def check_image(check: Check, element: JSON, at: str) -> None:
    """An image: alt text of at most 2,000 characters and a source, URL or Slack file."""
    check.string(element.get("alt_text"), f"{at}/alt_text", 2000, least=0)
    check.string(element.get("image_url"), f"{at}/image_url", 3000, required=False)
    if (element.get("image_url") is None) == (element.get("slack_file") is None):
        check.fail("exactly one of image_url and slack_file is needed", at)


_RULES: dict[str, Callable[[Check, JSON, str], None]] = {
    "button": _button,
    "static_select": _static_select,
    "multi_static_select": _static_select,
    "overflow": _overflow,
    "radio_buttons": _choices,
    "checkboxes": _choices,
    "plain_text_input": _text_input,
    "email_text_input": _placeholder,
    "url_text_input": _placeholder,
    "number_input": _number_input,
    "file_input": _file_input,
    "image": check_image,
}
