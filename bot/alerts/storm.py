"""The one message that a channel gets when more breaks than anybody could read. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from bot.alerts import showing
from bot.alerts.condition import Act, Condition, Item, Sentence
from bot.alerts.presenting import cut
from bot.alerts.routing import rank
from bot.alerts.showing import calls
from bot.releases.words import count, listed
from bot.render.document import Document, Strong, Text
from bot.store.alerts import Episode
from bot.store.storms import Folded, Storm

LINES = 7
MOST_TITLES = 3


def summary(
    storm: Storm,
    folded: Folded,
    *,
    prefix: str,
    known: Collection[str],
    threads: int,
    per: str,
    called: Sequence[str] = (),
) -> Document:
    """The summary of a storm, raging, calm or over.

    Args:
        storm: The storm.
        folded: What it sums up.
        prefix: What commands are typed after, with its space.
        known: Names of the registered commands.
        threads: How many new threads the channel takes in a time.
        per: That time, in words.
        called: Whom its groups call, as actors.
    """
    firing, over = folded.open, folded.over
    groups = count(len(firing) + over, "group")
    title = f"Alert storm: {count(folded.alerts, 'alert')} in {groups}"
    if storm.closed_at is not None:
        began = min(storm.opened_at, folded.opened_at or storm.opened_at)
        return showing.over(title, "", began, storm.closed_at, (_ended(folded),))
    now: Sentence = (
        Strong(f"{count(sum(e.firing for e in firing), 'alert')} in "),
        Strong(f"{count(len(firing), 'group')} firing"),
        f", {count(over, 'group')} over." if over else ".",
    )
    why: Sentence = (
        f"More than {threads} new threads in {per}: they are summed up here, without a thread and "
        "a graph of their own. Each can be listed, taken and silenced all the same.",
    )
    calm: tuple[Sentence, ...] = (("It is calm again: what is new gets its thread.",),)
    condition = Condition(
        storm.id,
        title,
        storm.opened_at,
        why=(now, *(calm if storm.calm_at is not None else (why,)), *calls(called)),
        acts=(Act("List", "alerts"),),
        items=_kinds(firing),
        tone="bad" if any(rank(e.severity) < 2 for e in firing) else "warn",
        more=0,
    )
    return showing.root(condition, "", storm.opened_at, prefix=prefix, known=known)


def called(actors: Sequence[str], episodes: Sequence[Episode]) -> Document:
    """The answer that calls whom the summary did not call yet: an edit of it calls nobody.

    Args:
        actors: Whom to call.
        episodes: What calls them.
    """
    titles = Strong(listed((one.title for one in episodes), most=MOST_TITLES))
    return Document.of(*(Text((*call, ": ", titles)) for call in calls(actors)))


def _ended(folded: Folded) -> str:
    lost = count(folded.lost, "group")
    tail = f" Alertmanager never told of the end of {lost}." if folded.lost else ""
    return f"Nothing of it fires any more.{tail}"


def _kinds(firing: Sequence[Episode]) -> tuple[Item, ...]:
    """What fires, by rule and place: the worst first, then the most."""
    kinds: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for episode in firing:
        rule = episode.shared.get("alertname") or episode.title
        kinds[rule, episode.shared.get("namespace", "")].append(episode)
    ordered = sorted(
        kinds.items(),
        key=lambda kind: (min(rank(e.severity) for e in kind[1]), -sum(e.firing for e in kind[1])),
    )
    lines = [
        Item(f"{rule}/{place}", _line(rule, place, episodes))
        for (rule, place), episodes in ordered[:LINES]
    ]
    if len(ordered) > LINES:
        lines.append(Item("", (f"… and {count(len(ordered) - LINES, 'other kind')}",)))
    return tuple(lines)


def _line(rule: str, place: str, episodes: Sequence[Episode]) -> Sentence:
    where = f" in {cut(place, 60)}" if place else ""
    worst = min((e.severity for e in episodes), key=rank)
    alerts = count(sum(e.firing for e in episodes), "alert")
    number = f"{alerts}, {count(len(episodes), 'group')}"
    return (Strong(cut(rule, 80)), f"{where}: {number}{f', {worst}' if worst else ''}")
