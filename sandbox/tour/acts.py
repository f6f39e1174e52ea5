"""What stories are made of: what people do, what happens to them, and what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.kube.resources import DEPLOYMENTS, NAMESPACES, STATEFULSETS
from sandbox.world import World

Check = Callable[[World], str]
"""Looks at the world; returns what is wrong, nothing when all is well."""
Happening = Callable[[World], Awaitable[str]]
"""Lets something happen in the world; returns what went wrong, nothing when all is well."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does, and what must come of it.

    Attributes:
        who: Their name in the workspace.
        channel: Where.
        types: The line they type; empty when they click.
        clicks: The label of the button they click, in the answer to the act before, or in what
            the bot told of by itself since.
        on: Words of another message of the bot whose button they click instead.
        expects: Words that the answer must hold.
        check: What must be true in the cluster then.
        seconds: How long the answer may take.
        name: For pictures of this moment; empty for none.
    """

    who: str
    channel: str
    types: str = ""
    clicks: str = ""
    on: str = ""
    expects: tuple[str, ...] = ()
    check: Check = lambda _: ""
    seconds: float = 60.0
    name: str = ""

    def __str__(self) -> str:
        """What is done, and by whom."""
        return f"{self.who}, {self.types or f'a click on “{self.clicks}”'}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens without the bot being asked.

    Attributes:
        what: A sentence for whoever reads the story.
        happens: Lets it happen.
        channel: Where the bot tells of it by itself; empty when it need not.
        who: A member of that channel, who reads it there.
        expects: Words that the bot's message must hold, a new one or one that it edits.
        check: What must be true in the cluster then.
        seconds: How long that may take.
        name: For pictures of the message; empty for none.
    """

    what: str
    happens: Happening
    channel: str = ""
    who: str = "adam"
    expects: tuple[str, ...] = ()
    check: Check = lambda _: ""
    seconds: float = 30.0
    name: str = ""

    def __str__(self) -> str:
        """What happens."""
        return self.what


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the story."""

    title: str
    acts: tuple[Act | Event, ...]


def workload(kind: str, name: str, *, ready: int, tag: str = "") -> Check:
    """A workload must have so many ready pods, and perhaps an image of that tag."""
    resource = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFULSETS}[kind]

    def check(world: World) -> str:
        found = world.clusters[0].store.peek(resource, "parse", name)
        if found is None:
            return f"the cluster has no {kind} {name}"
        has = found.get("status", {}).get("readyReplicas", 0)
        if has != ready or found["spec"]["replicas"] != ready:
            return f"{name} has {has} ready pods of {found['spec']['replicas']}, not {ready}"
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        if tag and not image.endswith(f":{tag}"):
            return f"{name} runs {image}, not :{tag}"
        return ""

    return check


def absent(namespace: str) -> Check:
    """A namespace must be gone, with all that was in it."""

    def check(world: World) -> str:
        found = world.clusters[0].store.peek(NAMESPACES, None, namespace)
        return f"namespace {namespace} is still there" if found else ""

    return check
