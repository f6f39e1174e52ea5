"""What can be done about an alert, and how what was done is told. Pure.

Every offer is a command: whoever presses its button runs it under their own rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.alerts.condition import Act, Sentence
from bot.names import check_namespace, check_object
from bot.releases.targets import AppRef, apps_on
from bot.releases.words import listed, span
from bot.render.document import Document, Inline, Mono, Person, Strong, Text, When

if TYPE_CHECKING:
    from bot.config import Config
    from bot.config.routing import EscalationConfig
    from bot.store.alert_acts import Silencing
    from bot.store.alerts import Episode

SPANS = ("1h", "4h")
"""For how long the buttons silence; any other time is asked for."""
OWN = "12h"
"""What is offered then."""
MOST_TITLES = 5
_LABELS = ("deployment", "statefulset", "daemonset")


def remarks(
    episode: Episode, silencings: Sequence[Silencing], escalated_at: int | None = None
) -> tuple[Sentence, ...]:
    """What was done about an episode, as paragraphs of its root message.

    Args:
        episode: As it is now.
        silencings: Silences that hold it back.
        escalated_at: When somebody was called because nobody had taken it.
    """
    said: list[Sentence] = []
    if episode.owner:
        since = (", ", When(episode.owned_at)) if episode.owned_at else ()
        said.append(("Taken by ", Person(episode.owner, episode.owner_person), *since))
    elif escalated_at:
        said.append(("Nobody has taken it; escalated ", When(escalated_at), "."))
    return (*said, *(silenced(one, episode.firing) for one in silencings if one.covers))


def silenced(one: Silencing, firing: int) -> Sentence:
    """`Silenced until … by …: why`, or how many of the alerts are."""
    some = f"{one.covers} of {firing} silenced" if 0 < one.covers < firing else "Silenced"
    by: Inline = Person(one.actor, one.person) if one.actor else Strong(one.person or "somebody")
    where = "" if one.request_id else " (in Alertmanager)"
    why = f": {one.comment}" if one.comment else "."
    return (f"{some} until ", When(one.ends_at), " by ", by, f"{where}{why}")


def acts(
    config: Config,
    episode: Episode,
    silencings: Sequence[Silencing],
    sizes: Mapping[str, int] | None = None,
) -> tuple[Act, ...]:
    """The commands that fit an episode now, the likeliest first; none when it is over.

    Args:
        config: The configuration.
        episode: As it is now.
        silencings: Silences that hold it back.
        sizes: Workload, as `deployment/web`, → how many pods it should have, where that is known.
    """
    if episode.closed_at is not None:
        return ()
    where = place(config, episode)
    take = "Take over" if episode.owner else "Ack"
    found = [Act(take, f"ack {episode.id}{where}")]
    if any(one.covers >= episode.firing for one in silencings):
        found.append(Act("Unsilence", f"unsilence {episode.id}{where}"))
    else:
        found += [
            Act(f"Silence {for_[:-1]} h", f"silence {episode.id} --for {for_}{where}")
            for for_ in SPANS
        ]
        found.append(Act("Silence …", f"silence {episode.id} --for {OWN}{where}", ask=True))
    return (*found, *prepared(config, episode.cluster, episode.shared, sizes or {}))


def place(config: Config, episode: Episode) -> str:
    """Flags that tell where an episode is, so that the right rule decides about a command."""
    flags = f" --cluster {episode.cluster}" if len(config.clusters) > 1 else ""
    namespace = namespace_of(episode)
    return flags + (f" --namespace {namespace}" if namespace else "")


def namespace_of(episode: Episode) -> str:
    """The namespace that all of its alerts are about; empty when there is no such."""
    namespace = episode.shared.get("namespace", "")
    return namespace if namespace and check_namespace(namespace) is None else ""


def prepared(
    config: Config, cluster: str, labels: Mapping[str, str], sizes: Mapping[str, int]
) -> tuple[Act, ...]:
    """Commands about the configured app that labels name: look, restart, scale, go back."""
    namespace = labels.get("namespace", "")
    apps = [app for app in apps_on(config, cluster) if app.namespace == namespace]
    workload = _workload(labels, apps)
    if workload:
        apps = [app for app in apps if _alias(app, workload)] or apps
    if len(apps) != 1:
        return ()
    (app,) = apps
    there = f" --cluster {cluster}" if len(config.clusters) > 1 else ""
    found = [Act("Status", f"status {app.name}{there}")]
    if workload:
        alias = _alias(app, workload)
        word = f"{app.name}/{alias}" if alias else workload
        there_too = there if alias else f" --namespace {namespace}{there}"
        found.append(Act("Restart", f"restart {word}{there_too}"))
        if not workload.startswith("daemonset/"):
            size = sizes.get(workload)
            label, number = (f"Scale to {size}", str(size)) if size else ("Scale", "N")
            found.append(Act(label, f"scale {word} {number}{there_too}", button=bool(size)))
    else:
        found.append(Act("Restart", f"restart {app.name}{there}"))
    return (*found, Act("Roll back", f"rollback {app.name}{there}"))


def _workload(labels: Mapping[str, str], apps: Iterable[AppRef]) -> str:
    """`deployment/web`, by a label of its own or by its pod's name; empty when it is not told."""
    for kind in _LABELS:
        name = labels.get(kind, "")
        if name and check_object(name) is None:
            return f"{kind}/{name}"
    pod = labels.get("pod", "")
    known = {alias.workload for app in apps for alias in app.config.aliases.values()}
    owners = [one for one in known if pod.startswith(f"{one.partition('/')[2]}-")]
    return max(owners, key=len, default="")


def _alias(app: AppRef, workload: str) -> str:
    return next((n for n, one in app.config.aliases.items() if one.workload == workload), "")


def taken(by: Sentence, before: Sentence) -> Document:
    """The reply when somebody takes care of an episode.

    Args:
        by: Who.
        before: Who did until now; empty when nobody.
    """
    if before:
        return Document.of(Text((*by, " takes it over from ", *before, ".")))
    return Document.of(Text((*by, " takes care of it.")))


def silence_began(one: Silencing, firing: int) -> Document:
    """The reply when a silence holds an episode back."""
    return Document.of(Text(silenced(one, firing)))


def unsilenced(actor: str, person: str) -> Document:
    """The reply when somebody ended the silences of an episode."""
    return Document.of(Text((Person(actor, person), " ended the silence.")))


def silence_over(one: Silencing, early: bool, firing: int) -> Document:
    """The reply when a silence is over and the episode is not.

    Args:
        one: The silence.
        early: Somebody ended it before its time.
        firing: How many alerts of the episode fire.
    """
    left = f"{firing} alerts still fire." if firing != 1 else "1 alert still fires."
    what = "was ended early" if early else "is over"
    by: Inline = Person(one.actor, one.person) if one.actor else Strong(one.person or "somebody")
    return Document.of(Text(("The silence by ", by, f" {what}. {left}")))


def escalated(rule: EscalationConfig, episodes: Sequence[Episode], command: str) -> Document:
    """The reply that calls for help with what nobody has taken.

    Args:
        rule: Whom to call.
        episodes: What about: one, or several of a storm.
        command: What takes it or lists them, as it is typed.
    """
    called: list[Inline] = []
    for actor in rule.mentions:
        called += [Person(actor, actor.rpartition("/")[2]), " "]
    waited = span(int(rule.after * 1_000_000))
    what = "this" if len(episodes) == 1 else f"{len(episodes)} alerts"
    does = "takes it" if len(episodes) == 1 else "lists them"
    titles = listed((one.title for one in episodes), most=MOST_TITLES)
    return Document.of(
        Text((*called, f"nobody has taken {what} for {waited}: ", Strong(titles))),
        Text((Mono(command), f" {does}.")),
    )
