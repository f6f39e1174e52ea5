"""Something that is wrong, as its watcher describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.render.document import Inline, Tone

Sentence = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A command that helps, without the product's name; shown only if there is such a command.

    Attributes:
        button: Offer it as a button too; not what does harm when pressed half asleep.
        ask: The button asks in a form first for what the command leaves open.
    """

    label: str
    command: str
    button: bool = True
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One of several things that make up a condition: a failed backup, an alert of a group.

    Attributes:
        id: Tells it from the others; a new one is news.
        text: What to say of it.
        gone: What to say when it goes while the condition stays; nothing when empty.
    """

    id: str
    text: Sentence
    gone: Sentence = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong. Nothing in it may change while nothing happens, such as an age.

    Attributes:
        key: Its name among those of its source; the same one is the same condition.
        title: One line.
        since: Microseconds UTC; of several looks the earliest counts.
        why: Paragraphs: what is known about the cause.
        todo: What to do, one sentence.
        acts: Commands that fit, the likeliest first.
        items: What it consists of, the newest last.
        more: How many items there are besides those given.
        app: The configured app that it concerns, if it is one.
        severity: Its label, when the tone does not give it: bad is critical.
    """

    key: str
    title: str
    since: int
    why: tuple[Sentence, ...] = ()
    todo: Sentence = ()
    acts: tuple[Act, ...] = ()
    items: tuple[Item, ...] = ()
    tone: Tone = "bad"
    more: int = 0
    app: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a look found.

    Attributes:
        conditions: What is wrong.
        unsure: Keys of which this look cannot tell; their threads stay as they are.
        well: Key → what is well now, for a thread that ends.
    """

    conditions: tuple[Condition, ...] = ()
    unsure: frozenset[str] = frozenset()
    well: Mapping[str, Sentence] = field(default_factory=dict)
