"""Plays the story as people would, in their Slack clients, and holds the answers against it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sandbox.slack import Refused
from sandbox.slack.entities import Message
from sandbox.tour.acts import Act, Chapter, Check, Event
from sandbox.tour.show import Page, labels, text_of
from sandbox.world import World

LIVE = "Cancel"
"""The button of a message that is not final yet."""
CHECK_SECONDS = 10.0

Moment = Callable[[Act | Event, Message], Awaitable[None]]


async def _nothing(act: Act | Event, message: Message) -> None:
    pass


class Player:
    """Plays acts in a world in which the bot is running.

    Args:
        world: Where.
        page: Where it is shown.
        moment: Is called after each act with its answer.
    """

    def __init__(self, world: World, page: Page, moment: Moment = _nothing) -> None:
        self._world, self._slack = world, world.slack
        self._page, self._moment = page, moment
        self._answer: Message | None = None

    async def play(self, story: Sequence[Chapter]) -> list[str]:
        """Plays to the end, or to the first act that goes wrong; returns what went wrong."""
        for number, chapter in enumerate(story, 1):
            self._page.chapter(number, chapter.title)
            for act in chapter.acts:
                problems = await (self._act(act) if isinstance(act, Act) else self._event(act))
                self._page.verdict(problems)
                if problems:
                    return [f"{act}: {problem}" for problem in problems]
        return []

    async def _event(self, event: Event) -> list[str]:
        before = {m.ts for m in self._messages(event)}
        self._page.happened(event.what)
        if problem := await event.happens(self._world):
            return [problem]
        if not event.channel:
            return await self._look(event.check)

        def fits(message: Message) -> bool:
            text = text_of(message, str)
            return self._by_bot(message) and all(word in text for word in event.expects)

        try:
            told = await self._slack.wait_for_message(event.who, event.channel, fits, event.seconds)
        except TimeoutError:
            new = [m for m in self._messages(event) if m.ts not in before]
            said = "; ".join(text_of(m, self._name).split("\n")[0] for m in new) or "nothing"
            return [f"#{event.channel} hears {said} within {event.seconds:g} s"]
        self._answer = told
        self._page.told(event.channel, text_of(told, self._name))
        await self._moment(event, told)
        return await self._look(event.check)

    def _messages(self, event: Event) -> list[Message]:
        return self._slack.messages(event.who, event.channel) if event.channel else []

    def _by_bot(self, message: Message) -> bool:
        return message.user == self._slack.workspace.app.bot_user

    async def _act(self, act: Act) -> list[str]:
        role = self._slack.workspace.person(act.who).role
        shown = act.types or f"clicks “{act.clicks}”"
        self._page.said(act.who, role, act.channel, shown)
        try:
            answer = await (self._click(act) if act.clicks else self._type(act))
        except TimeoutError:
            return [f"there is no answer after {act.seconds:.0f} s"]
        except Refused as refusal:
            return [str(refusal)]
        self._answer = answer
        text = text_of(answer, self._name)
        self._page.answered(text, only=act.who if answer.ephemeral_to else "")
        await self._moment(act, answer)
        missing = [f"“{word}” is not in the answer" for word in act.expects if word not in text]
        return missing or await self._look(act.check)

    async def _type(self, act: Act) -> Message:
        before = {m.ts for m in self._slack.messages(act.who, act.channel)}
        delivery = await self._slack.slash(act.who, act.channel, act.types)
        if delivery.error:
            raise Refused(delivery.shown)

        def fits(message: Message) -> bool:
            return self._answers(message, act.who, before) and _final(message)

        return await self._slack.wait_for_message(act.who, act.channel, fits, act.seconds)

    async def _click(self, act: Act) -> Message:
        """A decision changes its own message; a button for another command brings a new one."""
        asked = self._newest(act) if act.on else self._answer
        if asked is None:
            raise Refused("there is nothing to click on")
        before = {m.ts for m in self._slack.messages(act.who, act.channel)}
        delivery = await self._slack.click(act.who, asked, act.clicks, where=act.channel)
        if delivery.error:
            raise Refused(delivery.shown)

        def fits(message: Message) -> bool:
            decided = message.ts == asked.ts and act.clicks not in labels(message)
            return (decided or self._answers(message, act.who, before)) and _final(message)

        return await self._slack.wait_for_message(act.who, act.channel, fits, act.seconds)

    def _newest(self, act: Act) -> Message | None:
        """The newest message of the bot with the words that an act names."""
        found = (
            message
            for message in self._slack.messages(act.who, act.channel)
            if self._by_bot(message) and act.on in text_of(message, str)
        )
        return max(found, key=lambda message: message.ts, default=None)

    def _answers(self, message: Message, who: str, before: set[str]) -> bool:
        """New, and for whoever asked: #ops also hears of what others do elsewhere."""
        if not self._by_bot(message) or message.ts in before:
            return False
        asker = self._slack.workspace.person(who).id
        return bool(message.ephemeral_to) or f"@{asker}" in text_of(message, str)

    async def _look(self, check: Check) -> list[str]:
        """The cluster must show what the answer says; it may still be ending old pods."""
        problem = check(self._world)
        if not problem:
            return []
        try:
            await self._world.clusters[0].wait_for(lambda: not check(self._world), CHECK_SECONDS)
        except TimeoutError:
            return [check(self._world) or problem]
        return []

    def _name(self, user: str) -> str:
        found = self._slack.workspace.users.get(user)
        return found.name if found else user


def _final(message: Message) -> bool:
    return LIVE not in labels(message)
