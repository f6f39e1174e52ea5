"""Using what a message or modal offers: buttons, menus, submit, close.

The second half of acting as a person; `acting` has the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.slack.blocks import check_view, elements_of
from sandbox.slack.core import Core
from sandbox.slack.delivery import Delivery
from sandbox.slack.elements import INPUT_ELEMENTS
from sandbox.slack.entities import JSON, Channel, Message, User, View
from sandbox.slack.errors import Refused, SlackError
from sandbox.slack.modals import (
    close_all,
    close_top,
    element_value,
    fill,
    place,
    replace,
    unfilled,
)
from sandbox.slack.model import Workspace
from sandbox.slack.responses import Responses
from sandbox.slack.shapes import message_actions, view_actions, view_closed, view_submission

Who = str | User
Where = str | Channel


class Using:
    """Clicks and modals, for any person."""

    core: Core
    responses: Responses

    @property
    def workspace(self) -> Workspace:
        """The workspace in which people act."""
        return self.core.workspace

    def _place(self, who: Who, where: Where) -> tuple[User, Channel]:
        ws = self.workspace
        user = ws.person(who)
        if isinstance(where, str) and where == f"@{ws.app.name}":
            return user, ws.direct_message(user)
        channel = ws.channel(where)
        if not ws.can_see(user, channel):
            raise Refused(f"{user.name} cannot see this channel")
        return user, channel

    # -- clicking -----------------------------------------------------------------------------

    async def click(
        self,
        who: Who,
        message: Message | str,
        action: str,
        *,
        where: Where | None = None,
        value: Any = None,
    ) -> Delivery:
        """Use a button (or another element, with `value`) of a message or an open view.

        `message` is a message, its timestamp (then `where` is needed if it is not unique), or a
        view id. `action` is an action id, a button's value, or its label.

        Raises:
            Refused: there is no such message or element before this person's eyes.
        """
        user = self.workspace.person(who)
        view = self.workspace.find_view(message) if isinstance(message, str) else None
        if view is not None:
            return await self._click_view(user, view, action, value)
        found = self._message(user, message, where)
        payload_action = self._action(_message_blocks(found), action, value)
        keys = {
            "trigger_id": self.core.triggers.issue(user.id),
            "response_url": self.core.response_url(
                user.id, found.channel, found.ts, found.thread_ts
            ),
        }
        delivery = await self.core.courier.send(
            "interactive",
            message_actions(self.workspace, user, found, payload_action, keys, self.core.base_url),
        )
        self._warn(delivery, user, found)
        return delivery

    async def select(
        self, who: Who, message: Message | str, action: str, value: Any, **kwargs: Any
    ) -> Delivery:
        """Choose from a menu or picker: `click` with a value."""
        return await self.click(who, message, action, value=value, **kwargs)

    def react(self, who: Who, where: Where, ts: str, name: str) -> Message:
        """Add a reaction to a message, or take one's own away."""
        user, channel = self._place(who, where)
        message = self._message(user, ts, channel)
        if message.ephemeral_to:
            raise Refused("nobody can react to a message that only one person sees")
        users = message.reactions.setdefault(name, [])
        (users.remove if user.id in users else users.append)(user.id)
        if not users:
            del message.reactions[name]
        self.workspace.touch(message)
        return message

    async def _click_view(self, user: User, view: View, action: str, value: Any) -> Delivery:
        if view.user != user.id:
            raise Refused("this view is on somebody else's screen")
        used = self._action(view.payload["blocks"], action, value)
        if used["type"] in INPUT_ELEMENTS:
            state = {k: v for k, v in used.items() if k == "type" or k.startswith("selected")}
            view.state.setdefault(used["block_id"], {})[used["action_id"]] = state
        trigger = self.core.triggers.issue(user.id, view.id)
        payload = view_actions(self.workspace, user, view, used, trigger)
        delivery = await self.core.courier.send("interactive", payload)
        self._warn(delivery, user, None)
        return delivery

    def _warn(self, delivery: Delivery, user: User, message: Message | None) -> None:
        """Show the small warning that Slack puts beside an element whose app failed."""
        if delivery.error is None:
            return
        delivery.shown = f"This app did not respond ({delivery.error})."
        place_of: JSON = {}
        if message:
            place_of = {"channel": message.channel, "ts": message.ts}
        self.core.feed.publish("warning", user=user.id, text=delivery.shown, **place_of)

    def _message(self, user: User, message: Message | str, where: Where | None) -> Message:
        channels = list(self.workspace.channels.values())
        ts = message if isinstance(message, str) else message.ts
        if isinstance(message, Message):
            channels = [self.workspace.channels[message.channel]]
        elif where is not None:
            channels = [self._place(user, where)[1]]
        for channel in channels:
            try:
                found = self.workspace.find_message(channel, ts, user.id)
            except SlackError:
                continue
            if self.workspace.can_see(user, channel):
                return found
        raise Refused(f"{user.name} sees no message {ts}")

    def _action(self, blocks: list[JSON], wanted: str, value: Any) -> JSON:
        """The `actions` entry for an element named by action id, value or label."""
        offered = [(b, e) for b in blocks for e in elements_of(b) if "action_id" in e]
        for names in (_by_id, _by_value, _by_label):
            for block, element in offered:
                if names(element) == wanted:
                    return self._used(block, element, value)
        labels = ", ".join(repr(_by_label(e) or e["action_id"]) for _, e in offered)
        raise Refused(f"there is no {wanted!r} here; there is: {labels or 'nothing to use'}")

    def _used(self, block: JSON, element: JSON, value: Any) -> JSON:
        action: JSON = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "type": element["type"],
            "action_ts": self.workspace.new_ts(),
        }
        if element["type"] == "button":
            shown = ("text", "value", "style", "url", "confirm")
            return action | {key: element[key] for key in shown if key in element}
        return action | element_value(element, value)

    # -- modals -------------------------------------------------------------------------------

    def _own_view(self, who: Who, view_id: str | None) -> tuple[User, View]:
        user = self.workspace.person(who)
        view = self.workspace.open_modal(user.id)
        if view is None or view_id not in (None, view.id):
            raise Refused(f"{user.name} has no such modal on top of the screen")
        return user, view

    async def submit_view(
        self, who: Who, view_id: str | None = None, values: Mapping[str, Any] | None = None
    ) -> Delivery:
        """Fill the modal on top and press its submit button.

        `values` are keyed by block or action id. What the app answers is carried out: close,
        clear, update, push, or errors below the inputs (then in `View.errors`).

        Raises:
            Refused: no such modal or input, or Slack's client would not submit it (`fields`).
        """
        user, view = self._own_view(who, view_id)
        fill(view, values or {})
        view.errors = unfilled(view)
        if view.errors:
            self.core.feed.publish("view", user=user.id, view_id=view.id)
            raise Refused("; ".join(view.errors.values()), view.errors)
        trigger = self.core.triggers.issue(user.id, view.id)
        payload = view_submission(self.workspace, user, view, trigger)
        delivery = await self.core.courier.send("interactive", payload)
        if delivery.error is None:
            self._answer_submission(delivery, user, view)
        if delivery.error:
            delivery.shown = "We had some trouble connecting. Try again?"
            view.errors = {"": delivery.shown}
            self.core.feed.publish("view", user=user.id, view_id=view.id)
        return delivery

    def _answer_submission(self, delivery: Delivery, user: User, view: View) -> None:
        ws, answer = self.workspace, delivery.response or {}
        act = answer.get("response_action")
        try:
            if act == "errors":
                view.errors = {str(k): str(v) for k, v in (answer.get("errors") or {}).items()}
                known = {block.get("block_id") for block in view.payload["blocks"]}
                if not view.errors or not set(view.errors) <= known:
                    raise SlackError("invalid_errors")
                self.core.feed.publish("view", user=user.id, view_id=view.id)
            elif act == "update":
                replace(ws, view, check_view(answer.get("view")))
            elif act == "push":
                place(ws, user.id, check_view(answer.get("view")))
            elif act == "clear":
                close_all(ws, user.id)
            elif act is None:
                if ws.open_modal(user.id) is view:
                    close_top(ws, user.id)
            else:
                raise SlackError("invalid_response_action")
        except SlackError as refusal:
            delivery.error = refusal.code

    async def close_view(
        self, who: Who, view_id: str | None = None, *, everything: bool = False
    ) -> Delivery | None:
        """Dismiss the modal on top, or with `everything` the whole stack."""
        user, view = self._own_view(who, view_id)
        cleared = everything or bool(view.payload.get("clear_on_close"))
        (close_all if cleared else close_top)(self.workspace, user.id)
        if not view.payload.get("notify_on_close"):
            return None
        payload = view_closed(self.workspace, user, view, cleared=cleared)
        return await self.core.courier.send("interactive", payload)


def _message_blocks(message: Message) -> list[JSON]:
    nested = [block for a in message.attachments for block in a.get("blocks", [])]
    return [*message.blocks, *nested]


def _by_id(element: JSON) -> Any:
    return element.get("action_id")


def _by_value(element: JSON) -> Any:
    return element.get("value")


def _by_label(element: JSON) -> Any:
    text = element.get("text")
    return text.get("text") if isinstance(text, dict) else None
