"""Block Kit limits: at the limit it passes, one more fails, and Slack's message says where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.slack import SlackError
from sandbox.slack.blocks import check_attachments, check_message_blocks, check_view

JSON = dict[str, Any]


def plain(text: str) -> JSON:
    return {"type": "plain_text", "text": text}


def section(text: str = "x", **more: Any) -> JSON:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(**more: Any) -> JSON:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def actions(*elements: JSON, **more: Any) -> JSON:
    return {"type": "actions", "elements": list(elements), **more}


def option(text: str = "a", value: str = "v", **more: Any) -> JSON:
    return {"text": plain(text), "value": value, **more}


def select(count: int) -> JSON:
    options = [option(value=f"v{i}") for i in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options}


def overflow(count: int) -> JSON:
    return {**select(count), "type": "overflow"}


def confirm(**more: Any) -> JSON:
    parts = {"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")}
    return button(confirm={**parts, **more})


def table(rows: int, cells: int, text: str = "x") -> JSON:
    row = [{"type": "raw_text", "text": text}] * cells
    return {"type": "table", "rows": [row] * rows}


def data_table(rows: int, cells: int = 1, **more: Any) -> JSON:
    return {**table(rows, cells), "type": "data_table", "caption": "Pods", **more}


def image(alt: str = "a graph", url: str = "https://example.com/a.png") -> JSON:
    return {"type": "image", "image_url": url, "alt_text": alt}


def file_input(most: int) -> JSON:
    element = {"type": "file_input", "action_id": "f", "max_files": most}
    return {"type": "input", "label": plain("File"), "element": element}


def view(**more: Any) -> JSON:
    return {"type": "modal", "title": plain("Hi"), "blocks": [section()], **more}


MESSAGE_ROWS: list[tuple[str, Callable[[int], list[JSON]], int, str]] = [
    ("blocks in a message", lambda n: [section() for _ in range(n)], 50, "/blocks"),
    ("section text", lambda n: [section("x" * n)], 3000, "/blocks/0/text/text"),
    (
        "section fields",
        lambda n: [{"type": "section", "fields": [plain("x")] * n}],
        10,
        "/blocks/0/fields",
    ),
    (
        "section field",
        lambda n: [{"type": "section", "fields": [plain("x" * n)]}],
        2000,
        "/blocks/0/fields/0/text",
    ),
    ("header", lambda n: [{"type": "header", "text": plain("x" * n)}], 150, "/blocks/0/text/text"),
    ("markdown", lambda n: [{"type": "markdown", "text": "x" * n}], 12_000, "/blocks/0/text"),
    (
        "context elements",
        lambda n: [{"type": "context", "elements": [plain("x")] * n}],
        10,
        "/blocks/0/elements",
    ),
    (
        "actions elements",
        lambda n: [actions(*(button(action_id=str(i)) for i in range(n)))],
        25,
        "/blocks/0/elements",
    ),
    (
        "button text",
        lambda n: [actions(button(text=plain("x" * n)))],
        75,
        "/blocks/0/elements/0/text/text",
    ),
    (
        "button value",
        lambda n: [actions(button(value="x" * n))],
        2000,
        "/blocks/0/elements/0/value",
    ),
    ("button url", lambda n: [actions(button(url="x" * n))], 3000, "/blocks/0/elements/0/url"),
    (
        "select options",
        lambda n: [section(accessory=select(n))],
        100,
        "/blocks/0/accessory/options",
    ),
    (
        "overflow options",
        lambda n: [section(accessory=overflow(n))],
        5,
        "/blocks/0/accessory/options",
    ),
    (
        "option text",
        lambda n: [section(accessory={**select(0), "options": [option("x" * n)]})],
        75,
        "/blocks/0/accessory/options/0/text/text",
    ),
    (
        "option value",
        lambda n: [section(accessory={**select(0), "options": [option(value="x" * n)]})],
        150,
        "/blocks/0/accessory/options/0/value",
    ),
    (
        "option description",
        lambda n: [
            section(accessory={**select(0), "options": [option(description=plain("x" * n))]})
        ],
        75,
        "/blocks/0/accessory/options/0/description/text",
    ),
    (
        "confirm title",
        lambda n: [actions(confirm(title=plain("x" * n)))],
        100,
        "/blocks/0/elements/0/confirm/title/text",
    ),
    (
        "confirm text",
        lambda n: [actions(confirm(text=plain("x" * n)))],
        300,
        "/blocks/0/elements/0/confirm/text/text",
    ),
    (
        "confirm button",
        lambda n: [actions(confirm(confirm=plain("x" * n)))],
        30,
        "/blocks/0/elements/0/confirm/confirm/text",
    ),
    (
        "confirm deny",
        lambda n: [actions(confirm(deny=plain("x" * n)))],
        30,
        "/blocks/0/elements/0/confirm/deny/text",
    ),
    (
        "action_id",
        lambda n: [actions(button(action_id="x" * n))],
        255,
        "/blocks/0/elements/0/action_id",
    ),
    ("block_id", lambda n: [section(block_id="x" * n)], 255, "/blocks/0/block_id"),
    ("table rows", lambda n: [table(n, 1)], 100, "/blocks/0/rows"),
    ("table cells", lambda n: [table(1, n)], 20, "/blocks/0/rows/0"),
    ("table characters", lambda n: [table(1, 1, "x" * n)], 10_000, "/blocks/0"),
    ("data table rows with header", lambda n: [data_table(n)], 101, "/blocks/0/rows"),
    (
        "data table page",
        lambda n: [data_table(2, page_size=n)],
        100,
        "/blocks/0/page_size",
    ),
    ("image alt text", lambda n: [image("x" * n)], 2000, "/blocks/0/alt_text"),
    ("image url", lambda n: [image(url="x" * n)], 3000, "/blocks/0/image_url"),
    (
        "container title",
        lambda n: [{"type": "container", "title": plain("x" * n), "child_blocks": [section()]}],
        150,
        "/blocks/0/title/text",
    ),
    (
        "container children",
        lambda n: [{"type": "container", "title": plain("x"), "child_blocks": [section()] * n}],
        10,
        "/blocks/0/child_blocks",
    ),
]


@pytest.mark.parametrize(
    ("build", "limit", "pointer"),
    [row[1:] for row in MESSAGE_ROWS],
    ids=[row[0] for row in MESSAGE_ROWS],
)
def test_message_blocks_at_the_limit_pass_and_one_more_fails(
    build: Callable[[int], list[JSON]], limit: int, pointer: str
) -> None:
    check_message_blocks(build(limit))
    with pytest.raises(SlackError) as refused:
        check_message_blocks(build(limit + 1))
    assert refused.value.code == "invalid_blocks"
    messages = refused.value.extra["response_metadata"]["messages"]
    assert any(m.startswith("[ERROR]") and f"[json-pointer:{pointer}]" in m for m in messages)


VIEW_ROWS: list[tuple[str, Callable[[int], JSON], int, str]] = [
    ("blocks", lambda n: view(blocks=[section() for _ in range(n)]), 100, "/view/blocks"),
    ("title", lambda n: view(title=plain("x" * n)), 24, "/view/title/text"),
    ("submit", lambda n: view(submit=plain("x" * n)), 24, "/view/submit/text"),
    ("close", lambda n: view(close=plain("x" * n)), 24, "/view/close/text"),
    ("private_metadata", lambda n: view(private_metadata="x" * n), 3000, "/view/private_metadata"),
    ("callback_id", lambda n: view(callback_id="x" * n), 255, "/view/callback_id"),
    (
        "files of a file input",
        lambda n: view(blocks=[file_input(n)], submit=plain("ok")),
        10,
        "/view/blocks/0/element/max_files",
    ),
    (
        "alert",
        lambda n: view(blocks=[{"type": "alert", "text": plain("x" * n)}]),
        200,
        "/view/blocks/0/text/text",
    ),
]


@pytest.mark.parametrize(
    ("build", "limit", "pointer"),
    [row[1:] for row in VIEW_ROWS],
    ids=[row[0] for row in VIEW_ROWS],
)
def test_views_at_the_limit_pass_and_one_more_fails(
    build: Callable[[int], JSON], limit: int, pointer: str
) -> None:
    check_view(build(limit))
    with pytest.raises(SlackError) as refused:
        check_view(build(limit + 1))
    assert refused.value.code == "invalid_arguments"
    messages = refused.value.extra["response_metadata"]["messages"]
    assert any(f"[json-pointer:{pointer}]" in message for message in messages)


def test_a_view_has_at_most_250_kilobytes() -> None:
    rows = [section("x" * 2900) for _ in range(86)]
    with pytest.raises(SlackError, match="view_too_large"):
        check_view(view(blocks=rows))


def test_all_blocks_of_a_message_together_are_limited() -> None:
    check_message_blocks([section("x" * 3000)] * 4)
    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        check_message_blocks([section("x" * 3000)] * 5)


def test_attachments_are_limited_to_a_hundred() -> None:
    check_attachments([{"text": "x"}] * 100)
    with pytest.raises(SlackError, match="too_many_attachments"):
        check_attachments([{"text": "x"}] * 101)


def test_blocks_inside_attachments_are_checked_too() -> None:
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_attachments([{"color": "#f00", "blocks": [{"type": "header"}]}])


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "section"}],
        [{"type": "section", "text": "just a string"}],
        [{"type": "section", "text": {"type": "markdown", "text": "x"}}],
        [section("")],
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "actions"}],
        [actions()],
        [actions({"type": "image", "image_url": "x", "alt_text": "y"})],
        [actions(button(style="warning"))],
        [actions(button(), button())],
        [section(block_id="same"), section(block_id="same")],
        [actions({"type": "button", "action_id": "x"})],
        [section(accessory={"type": "static_select", "action_id": "s"})],
        [section(accessory={"type": "unheard_of"})],
        [{"type": "image", "alt_text": "no source"}],
        [{"type": "image", "image_url": "x"}],
        [{"type": "context", "elements": []}],
        [{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}],
        [{"type": "rich_text", "elements": [{"type": "paragraph"}]}],
        [{"type": "table", "rows": [["cell"]]}],
        [{"type": "data_table", "rows": [[{"type": "raw_text", "text": "x"}]] * 2}],
        [{"type": "plan", "title": "x", "tasks": [{"type": "section"}]}],
        [{"type": "made_up"}],
        ["not an object"],
        [actions(confirm(title={"type": "mrkdwn", "text": "x"}))],
    ],
    ids=lambda blocks: str(blocks)[:60],
)
def test_malformed_blocks_are_refused(blocks: list[Any]) -> None:
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_message_blocks(blocks)


def test_something_that_is_no_list_has_the_wrong_format() -> None:
    with pytest.raises(SlackError, match="invalid_blocks_format"):
        check_message_blocks({"type": "section"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "sheet", "title": plain("x"), "blocks": [section()]},
        {"type": "modal", "blocks": [section()]},
        view(blocks=[]),
        view(blocks=[table(1, 1)]),
        view(blocks=[{"type": "markdown", "text": "x"}]),
        view(
            blocks=[
                {
                    "type": "input",
                    "label": plain("x"),
                    "element": {"type": "plain_text_input", "action_id": "a"},
                }
            ]
        ),
        view(blocks=[{"type": "input", "label": plain("x")}], submit=plain("ok")),
    ],
)
def test_malformed_views_are_refused(wrong: JSON) -> None:
    with pytest.raises(SlackError, match="invalid_arguments"):
        check_view(wrong)


def test_missing_ids_are_filled_in_and_given_ones_stay() -> None:
    blocks = check_message_blocks([actions({"type": "button", "text": plain("Go")}), section()])
    assert blocks[0]["block_id"] != blocks[1]["block_id"]
    assert blocks[0]["elements"][0]["action_id"]
    kept = check_message_blocks([actions(button(), block_id="mine")])
    assert (kept[0]["block_id"], kept[0]["elements"][0]["action_id"]) == ("mine", "go")


def test_the_newer_blocks_pass() -> None:
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    task = {"type": "task_card", "task_id": "1", "title": "Look", "status": "complete"}
    check_message_blocks(
        [
            {"type": "divider"},
            rich,
            {"type": "plan", "title": "Deploy parse", "tasks": [task, task]},
            data_table(2),
        ]
    )
