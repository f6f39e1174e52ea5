"""How a condition looks: its root message, the replies below it, its end. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bot.alerts.condition import Act, Condition, Sentence
from bot.releases.words import span
from bot.render.document import (
    Actions,
    Button,
    Document,
    Inline,
    Mono,
    Note,
    Person,
    Text,
    Title,
    Tone,
    When,
)

MOST_ITEMS = 8
_MINUTE = 60_000_000


def root(
    condition: Condition,
    cluster: str,
    since: int,
    *,
    prefix: str,
    known: Collection[str],
    name: str = "",
) -> Document:
    """The message of a condition that holds.

    Args:
        condition: What is wrong.
        cluster: Where; empty when it is the bot itself.
        since: Since when; of several looks the earliest.
        prefix: What commands are typed after, with its space.
        known: Names of the registered commands.
        name: What to call it in a command, if it has such a name.
    """
    acts = [act for act in condition.acts if _registered(act, known)]
    buttons = tuple(map(button, (act for act in acts if act.button)))
    # What has a name has many acts: those with a button are not spelled out as well.
    spelled = [act for act in acts if not (name and act.button)]
    return Document.of(
        Title(condition.title, condition.tone),
        *(Text(sentence) for sentence in condition.why),
        *_listed([item.text for item in condition.items], condition.more),
        Text(("What to do: ", *condition.todo)) if condition.todo else None,
        Note(tuple(_commands(spelled, prefix))) if spelled else None,
        Actions(buttons) if buttons else None,
        Note.of("Since ", When(since), *_place(cluster), *_name(name)),
    )


def button(act: Act) -> Button:
    """The button of an act."""
    return Button(act.label, "ask" if act.ask else "run", act.command)


def news(added: Sequence[Sentence], gone: Sequence[Sentence]) -> Document:
    """The reply about what joined a condition that is known already, and what left it."""
    return Document.of(*_listed(added), *_listed(gone))


def again(title: str, called: Sequence[str] = ()) -> Document:
    """The reply when a condition comes back before its thread was left alone for a while.

    Args:
        title: Its headline.
        called: Whom to call, as actors.
    """
    return Document.of(Text.of("It is back: ", title), *map(Text, calls(called)))


def calls(actors: Sequence[str]) -> Iterator[Sentence]:
    """A sentence that calls them; none when there are none."""
    if actors:
        parts: list[Inline] = []
        for actor in actors:
            parts += [*((" ",) if parts else ()), Person(actor, actor.rpartition("/")[2])]
        yield tuple(parts)


def over(
    title: str, cluster: str, since: int, now: int, well: Sentence, name: str = ""
) -> Document:
    """What the root message becomes when its condition ended."""
    return Document.of(
        Title(f"Over: {title}", "good"),
        Text(well) if well else None,
        Note.of(
            *("It lasted ", span(now - since), ", ", *_between(since, now)),
            *(*_place(cluster), *_name(name)),
        ),
    )


def _between(since: int, now: int) -> Sentence:
    """From when to when, as far as minutes tell them apart."""
    if since // _MINUTE == now // _MINUTE:
        return ("until ", When(now))
    return ("from ", When(since), " to ", When(now))


def toned(document: Document, title: str, tone: Tone) -> Document:
    """The same message under another title."""
    rest = (e for e in document.elements if not isinstance(e, Title))
    return Document.of(Title(title, tone), *rest)


def ended(since: int, now: int, well: Sentence) -> Document:
    """The reply when a condition ended."""
    return Document.of(Text(("Over after ", span(now - since), ". ", *well)))


def _listed(sentences: Sequence[Sentence], more: int = 0) -> Iterator[Text]:
    """One paragraph with a line for each; the newest ones when there are many."""
    if not sentences:
        return
    lines: list[Inline] = []
    for sentence in sentences[-MOST_ITEMS:]:
        lines += [*(("\n",) if lines else ()), "• ", *sentence]
    left = more + max(len(sentences) - MOST_ITEMS, 0)
    if left:
        lines = [f"{left} more, and:\n", *lines]
    yield Text(tuple(lines))


def _commands(acts: Sequence[Act], prefix: str) -> Iterator[Inline]:
    for number, act in enumerate(acts):
        if number:
            yield " · "
        yield Mono(f"{prefix}{act.command}")


def _registered(act: Act, known: Collection[str]) -> bool:
    words = act.command.split(" ")
    return any(" ".join(words[:n]) in known for n in range(1, len(words) + 1))


def _name(name: str) -> Sentence:
    return (" · ", Mono(name)) if name else ()


def _place(cluster: str) -> Sentence:
    return (" · cluster ", Mono(cluster)) if cluster else ()
