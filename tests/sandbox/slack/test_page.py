"""People at the page, in a real Chromium: by accessible role, with mouse and keyboard."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import Limits, SlackServer

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
]


@pytest.fixture
async def server(limits: Limits) -> AsyncIterator[SlackServer]:
    """On the machine's own clock: a browser does not wait for a test's clock."""
    server = SlackServer(limits=limits)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser, server: SlackServer) -> AsyncIterator[Page]:
    """Alice in #ops; fails on script errors and on any request that leaves this machine."""
    wrong: list[str] = []
    page = await browser.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, server.url.replace("http", "ws"), "data:"))
            else wrong.append(request.url)
        ),
    )
    await page.goto(f"{server.url}/#user=alice&channel=ops")
    await expect(page.get_by_role("heading", name="#ops")).to_be_visible()
    await expect(page.get_by_role("log", name="Messages in #ops")).to_be_visible()
    yield page
    assert wrong == []


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def box(page: Page) -> Any:
    return page.get_by_role("combobox", name="Message #ops")


def log(page: Page) -> Any:
    return page.get_by_role("log", name="Messages in #ops")


async def become(page: Page, label: str) -> None:
    await page.get_by_role("combobox", name="You are").select_option(label=label)


CONFIRM = {
    "title": plain("Roll back parse?"),
    "text": plain("Revision 4 → 3"),
    "confirm": plain("Roll back"),
    "deny": plain("Keep"),
}


# -- commands -----------------------------------------------------------------------------------


async def test_a_command_is_completed_by_keyboard_and_answered_privately(
    page: Page, server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    lines = ["/onprem deploy parse", "/onprem deploy mongodb", "/onprem status"]

    async def complete(text: str, _user: str) -> list[str]:
        return [line for line in lines if line.startswith(text)]

    server.complete = complete

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack(f"queued: {body['text']}")

    await connect(bolt)
    await box(page).press("Control+a")
    await page.keyboard.type("/onprem d")
    options = page.get_by_role("listbox", name="Completions").get_by_role("option")
    await expect(options).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(box(page)).to_have_value("/onprem deploy mongodb ")
    await page.keyboard.press("Enter")

    await expect(log(page).get_by_text("queued: deploy mongodb")).to_be_visible()
    await expect(log(page).get_by_text("Only visible to you")).to_be_visible()
    await become(page, "Bob Tanaka · operator")
    await expect(log(page).get_by_text("beginning of #ops")).to_be_visible()
    await expect(log(page).get_by_text("queued")).to_have_count(0)


@pytest.mark.slow
async def test_escape_closes_the_completions_and_arrow_up_recalls(page: Page) -> None:
    await box(page).focus()
    await page.keyboard.type("/on")
    options = page.get_by_role("listbox", name="Completions")
    await expect(options).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(options).to_be_hidden()
    await expect(box(page)).to_have_value("/on")
    await box(page).fill("hello")
    await page.keyboard.press("Enter")
    await expect(log(page).get_by_text("hello")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    await expect(box(page)).to_have_value("hello")


@pytest.mark.slow
async def test_a_failed_command_is_told_as_slack_tells_it(page: Page) -> None:
    await box(page).fill("/onprem status")
    await page.keyboard.press("Enter")
    told = log(page).get_by_text('/onprem failed with the error "dispatch_failed"')
    await expect(told).to_be_visible()


# -- buttons and modals -------------------------------------------------------------------------


async def test_a_button_asks_and_the_message_is_edited_in_place(
    page: Page, bolt: AsyncApp, connect: Any, client: AsyncWebClient, ops: str
) -> None:
    clicks = []

    @bolt.action("rollback")
    async def on_rollback(ack: Any, body: dict[str, Any]) -> None:
        clicks.append(body["user"]["name"])
        await ack()
        await client.chat_update(
            channel=ops, ts=body["message"]["ts"], text="rolling back", blocks=[]
        )

    await connect(bolt)
    button = {"type": "button", "action_id": "rollback", "text": plain("Roll back")}
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain("Deployed parse")},
        {"type": "actions", "elements": [{**button, "style": "danger", "confirm": CONFIRM}]},
    ]
    await client.chat_postMessage(channel=ops, text="Deployed", blocks=blocks)
    await expect(log(page).get_by_role("heading", name="Deployed parse")).to_be_visible()

    await log(page).get_by_role("button", name="Roll back").click()
    question = page.get_by_role("alertdialog", name="Roll back parse?")
    await question.get_by_role("button", name="Keep").click()
    await expect(question).to_be_hidden()
    assert clicks == []
    await expect(log(page).get_by_role("button", name="Roll back")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()

    await expect(log(page).get_by_text("rolling back")).to_be_visible()
    await expect(log(page).get_by_role("heading", name="Deployed parse")).to_have_count(0)
    assert clicks == ["alice"]


async def test_a_modal_is_filled_corrected_and_closed_by_keyboard(
    page: Page, bolt: AsyncApp, connect: Any, client: AsyncWebClient
) -> None:
    typed: list[str] = []
    name = {"type": "plain_text_input", "action_id": "typed"}
    view = {
        "type": "modal",
        "callback_id": "restore",
        "title": plain("Restore parse"),
        "submit": plain("Restore"),
        "blocks": [
            {"type": "input", "block_id": "name", "label": plain("Type the name"), "element": name}
        ],
    }

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.view("restore")
    async def on_submit(ack: Any, view: dict[str, Any]) -> None:
        typed.append(view["state"]["values"]["name"]["typed"]["value"])
        if typed[-1] == "parse":
            await ack()
        else:
            await ack(response_action="errors", errors={"name": "That is not its name."})

    await connect(bolt)
    await box(page).fill("/onprem restore")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Restore parse")
    field = dialog.get_by_role("textbox", name="Type the name")
    await expect(field).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(field).to_have_accessible_description("Please complete this required field.")
    await page.keyboard.type("prase")
    await page.keyboard.press("Enter")
    await expect(field).to_have_accessible_description("That is not its name.")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("prase")
    await field.fill("parse")
    await page.keyboard.press("Enter")

    await expect(dialog).to_be_hidden()
    await expect(box(page)).to_be_focused()
    assert typed == ["prase", "parse"]


@pytest.mark.slow
async def test_escape_dismisses_a_modal(
    page: Page, server: SlackServer, client: AsyncWebClient
) -> None:
    alice = server.workspace.person("alice").id
    section = {"type": "section", "text": plain("Sure?")}
    view = {"type": "modal", "title": plain("Drain"), "blocks": [section]}
    await client.views_open(trigger_id=server.core.triggers.issue(alice), view=view)
    dialog = page.get_by_role("dialog", name="Drain")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await server.wait_for(lambda: server.workspace.open_modal(alice) is None)


# -- reading ------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_threads_open_beside_and_commands_do_not_work_there(
    page: Page, client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    root = await client.chat_postMessage(channel=ops, text="deploying")
    await client.chat_postMessage(channel=ops, text="pod parse-0 is ready", thread_ts=root["ts"])
    await log(page).get_by_role("button", name="1 reply").click()
    replies = page.get_by_role("log", name="Replies")
    await expect(replies.get_by_text("pod parse-0 is ready")).to_be_visible()
    await expect(page.get_by_role("combobox", name="Reply in thread")).to_be_focused()
    await page.keyboard.type("thanks")
    await page.keyboard.press("Enter")
    await expect(replies.get_by_text("thanks")).to_be_visible()
    await expect(log(page).get_by_role("button", name="2 replies")).to_be_visible()
    await page.keyboard.type("/onprem status")
    await page.keyboard.press("Enter")
    await expect(replies.get_by_text("/onprem is not supported in threads")).to_be_visible()
    await page.get_by_role("button", name="Close the thread").click()
    await expect(replies).to_be_hidden()
    await expect(log(page).get_by_role("button", name="2 replies")).to_be_focused()


async def test_what_comes_from_outside_is_shown_and_never_run(
    page: Page, client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    server.say("bob", "ops", "<img src=x onerror=alert(1)> & *bold*")
    bad = "<javascript:alert(1)|click me> &lt;script&gt;alert(2)&lt;/script&gt; <https://a.example/?q=1&amp;r=2|good>"
    await client.chat_postMessage(channel=ops, text=bad)
    blocks = [
        {"type": "markdown", "text": "[bad](javascript:alert(3)) <b onclick=alert(4)>raw</b>"}
    ]
    await client.chat_postMessage(channel=ops, text="x", blocks=blocks)

    await expect(log(page).get_by_text("<img src=x onerror=alert(1)> &")).to_be_visible()
    await expect(log(page).get_by_text("<script>alert(2)</script>")).to_be_visible()
    await expect(log(page).get_by_text("<b onclick=alert(4)>raw</b>")).to_be_visible()
    links = log(page).get_by_role("link")
    await expect(links).to_have_count(1)
    await expect(links.first).to_have_attribute("href", "https://a.example/?q=1&r=2")


@pytest.mark.slow
async def test_tables_and_images_have_names_and_headers(
    page: Page, client: AsyncWebClient, ops: str
) -> None:
    rows = [["Workload", "Ready"], ["parse", "2/2"]]
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": t} for t in r] for r in rows]}
    await client.chat_postMessage(channel=ops, text="status", blocks=[table])
    await client.files_upload_v2(
        channel=ops, filename="cpu.png", content=_png(), alt_txt="CPU, last 0.8 cores"
    )

    await expect(log(page).get_by_role("columnheader", name="Ready")).to_be_visible()
    await expect(log(page).get_by_role("cell", name="2/2")).to_be_visible()
    image = log(page).get_by_role("img", name="CPU, last 0.8 cores")
    await expect(image).to_be_visible()
    assert await image.evaluate("image => image.complete && image.naturalWidth") == 8


@pytest.mark.slow
async def test_other_channels_count_what_is_new(page: Page, server: SlackServer) -> None:
    server.say("bob", "general", "lunch?")
    channel = page.get_by_role("navigation").get_by_role(
        "button", name=re.compile("general, 1 new")
    )
    await channel.click()
    await expect(page.get_by_role("log").get_by_text("lunch?")).to_be_visible()
    current = page.get_by_role("navigation").get_by_role("button", name="general")
    await expect(current).to_have_attribute("aria-current", "page")


@pytest.mark.slow
async def test_a_guest_sees_a_guests_channels(page: Page) -> None:
    await become(page, "Gus Guest · guest")
    await expect(page.get_by_role("heading", name="#general")).to_be_visible()
    names = page.get_by_role("navigation").get_by_role("button")
    await expect(names).to_have_text(["general", "onprem"])


@pytest.mark.slow
async def test_joining_a_channel_from_outside(page: Page) -> None:
    await become(page, "Bob Tanaka · operator")
    await page.get_by_role("button", name="partners, shared with another company").click()
    await page.get_by_role("button", name="Join #partners").click()
    await expect(page.get_by_role("combobox", name="Message #partners")).to_be_focused()


@pytest.mark.slow
async def test_on_a_phone_the_channel_list_slides_in(page: Page, server: SlackServer) -> None:
    await page.set_viewport_size({"width": 390, "height": 760})
    navigation = page.get_by_role("navigation", name="Channels")
    await expect(navigation).to_be_hidden()
    await page.get_by_role("button", name="Open the channel list").click()
    await navigation.get_by_role("button", name="general").click()
    await expect(page.get_by_role("heading", name="#general")).to_be_visible()
    await expect(navigation).to_be_hidden()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


@pytest.mark.slow
async def test_the_home_tab_shows_what_the_app_publishes(
    page: Page, bolt: AsyncApp, connect: Any, client: AsyncWebClient
) -> None:
    @bolt.event("app_home_opened")
    async def on_home(event: dict[str, Any]) -> None:
        blocks = [{"type": "header", "text": plain("Your jobs")}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    await connect(bolt)
    await page.get_by_role("navigation").get_by_role("button", name="onprem").click()
    await page.get_by_role("tab", name="Home").click()
    await expect(page.get_by_role("heading", name="Your jobs")).to_be_visible()


@pytest.mark.slow
async def test_the_page_comes_back_after_the_connection_broke(
    page: Page, server: SlackServer, ops: str
) -> None:
    page_api = server._api
    assert page_api is not None
    await page_api.close()
    server.say("bob", "ops", "said while nobody listened")
    await expect(log(page).get_by_text("said while nobody listened")).to_be_visible()


def _png() -> bytes:
    """A small grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 8 for _ in range(8)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
