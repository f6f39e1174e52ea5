"""How an episode of alerts is told: what `showing` makes its messages of. Pure.

Everything here comes from outside: it is cut and counted here, and escaped where it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.alerts import showing
from bot.alerts.condition import Act, Condition, Item, Sentence
from bot.alerts.routing import rank
from bot.alerts.webhook import web_address
from bot.releases.words import count
from bot.render.document import Document, Inline, Link, Mono, Text, Tone, When
from bot.store.alerts import FIRING, LOST, RESOLVED, AlertRow, Episode

SUMMARY = 600
VALUE = 80
MOST_LABELS = 8
MATTER = (
    *("namespace", "deployment", "statefulset", "daemonset", "job_name", "cronjob", "service"),
    *("horizontalpodautoscaler", "persistentvolumeclaim", "pod", "container", "node", "instance"),
    *("device", "mountpoint", "phase", "reason", "condition", "status", "code", "verb"),
)
"""Labels that say what is meant, the widest first; others follow when there is room."""
_TEXTS = ("summary", "message", "description")
_NOISE = frozenset(
    (
        *("alertname", "severity", "prometheus", "prometheus_replica", "cluster", "endpoint"),
        *("job", "uid", "metrics_path", "id", "image", "name", "__name__", "replica"),
    )
)


@dataclass(frozen=True, slots=True)
class Extras:
    """What others add to a root message.

    Attributes:
        remarks: Such as who silenced it, and until when.
        acts: Commands that fit, the likeliest first.
        called: Whom the root message calls, as actors.
    """

    remarks: tuple[Sentence, ...] = ()
    acts: tuple[Act, ...] = ()
    called: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What a thread has not heard of yet.

    Attributes:
        rows: Some of the alerts that changed, the newest last.
        firing: How many joined, or came back.
        resolved: How many ended.
        lost: How many Alertmanager does not know any more.
        back: By what the thread has heard, nothing fired any more.
    """

    rows: tuple[AlertRow, ...] = ()
    firing: int = 0
    resolved: int = 0
    lost: int = 0
    back: bool = False

    def __bool__(self) -> bool:
        return bool(self.firing or self.resolved or self.lost)


def condition(episode: Episode, rows: Sequence[AlertRow], extras: Extras) -> Condition:
    """An episode that fires, as something that is wrong.

    Args:
        episode: The episode.
        rows: Some of its alerts that fire, the newest last.
        extras: What others add.
    """
    why = [*_summary(rows), *_labels(episode), *_counts(episode)]
    why += [*_links(episode, rows), *showing.calls(extras.called), *extras.remarks]
    several = episode.total > 1
    items = tuple(Item(r.fingerprint, _one(r, episode)) for r in rows) if several else ()
    return Condition(
        episode.message_key,
        f"{episode.title} – {episode.firing} firing" if several else episode.title,
        episode.opened_at,
        why=tuple(why),
        acts=extras.acts,
        items=items,
        more=max(episode.firing - len(items), 0) if several else 0,
        tone=tone(episode.severity),
    )


def over(episode: Episode, began: int, ended: int) -> Document:
    """What the root becomes when nothing fires any more."""
    title, well = _ending(episode)
    shown = showing.over(title, episode.cluster, began, ended, well, episode.id)
    if episode.state != LOST:
        return shown
    return showing.toned(shown, f"Lost sight: {episode.title}", "warn")


def ended(episode: Episode, began: int, ended_at: int) -> Document:
    """The reply when nothing fires any more."""
    _, well = _ending(episode)
    return showing.ended(began, ended_at, well)


def news(episode: Episode, found: News, called: Sequence[str] = ()) -> Document:
    """The reply about alerts that joined, came back or ended.

    Args:
        episode: The episode.
        found: What its thread has not heard of.
        called: Whom to call, because nothing fired any more before, or it has become worse: an
            edit of the root calls nobody.
    """
    worse = [(*one, f": this is {cut(episode.severity, VALUE)}.") for one in showing.calls(called)]
    parts = [
        *((Text.of("It is back: ", episode.title),) if found.back else ()),
        *map(Text, showing.calls(called) if found.back else worse),
        *_group("New", FIRING, found.firing, found.rows, episode),
        *_group("Resolved", RESOLVED, found.resolved, found.rows, episode),
        *_group("Lost sight of", LOST, found.lost, found.rows, episode),
    ]
    parts.append(Text.of(f"{count(episode.firing, 'alert')} firing now."))
    return Document.of(*parts)


def tone(severity: str) -> Tone:
    """The colour of a severity; what nobody knows is a warning."""
    if severity == "":
        return "warn"
    return "bad" if rank(severity) < 2 else "warn" if rank(severity) == 2 else "plain"


def cut(text: str, length: int) -> str:
    """Outside text of at most that length, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _ending(episode: Episode) -> tuple[str, Sentence]:
    had = count(episode.total, "alert")
    if episode.state == LOST:
        return episode.title, (
            f"Alertmanager does not know it any more, but never said that it ended. It had {had}.",
        )
    return episode.title, ((f"All of its {had} ended.",) if episode.total > 1 else ())


def _group(
    word: str, status: str, number: int, rows: Iterable[AlertRow], episode: Episode
) -> Iterator[Text]:
    if not number:
        return
    some = [row for row in rows if row.status == status][-showing.MOST_ITEMS :]
    lines: list[Inline] = [f"{word}:"] if number == 1 else [f"{word} ({number}):"]
    if number > len(some):
        lines += [f" {number - len(some)} more, and"]
    for row in some:
        lines += ["\n• ", *_one(row, episode)]
    yield Text(tuple(lines))


def _one(row: AlertRow, episode: Episode) -> Sentence:
    """One alert by the labels that tell it from the others."""
    own = {k: v for k, v in row.labels.items() if episode.shared.get(k) != v}
    parts: list[Inline] = []
    for name, value in _chosen(own, 4):
        parts += [*((" ",) if parts else ()), Mono(f"{cut(name, 40)}={cut(value, VALUE)}")]
    if not parts:
        parts = [cut(row.labels.get("alertname", "") or row.fingerprint, VALUE)]
    since: Sentence = (" since ", When(row.starts_at)) if 0 < row.starts_at <= row.seen_at else ()
    return (*parts, *(since if row.status == FIRING else ()))


def _summary(rows: Sequence[AlertRow]) -> Iterator[Sentence]:
    notes = _common(rows)
    told: list[str] = []
    for name in _TEXTS:
        text = cut(notes.get(name, ""), SUMMARY)
        if text and not any(text.rstrip(".") in other for other in told):
            told.append(text)
            yield (text,)


def _common(rows: Sequence[AlertRow]) -> Mapping[str, str]:
    """The annotations that all alerts have; without a common word what the first one says."""
    first = dict(rows[0].annotations) if rows else {}
    same = {k: v for k, v in first.items() if all(r.annotations.get(k) == v for r in rows)}
    return same if any(name in same for name in _TEXTS) else first


def _labels(episode: Episode) -> Iterator[Sentence]:
    parts: list[Inline] = [Mono(cut(episode.severity, 40))] if episode.severity else []
    for name, value in _chosen(episode.shared, MOST_LABELS):
        parts += [*((" · ",) if parts else ()), f"{cut(name, 40)} ", Mono(cut(value, VALUE))]
    if parts:
        yield tuple(parts)


def _chosen(labels: Mapping[str, str], most: int) -> Iterator[tuple[str, str]]:
    known = [name for name in MATTER if labels.get(name)]
    rest = [n for n in sorted(labels) if n not in MATTER and n not in _NOISE and labels[n]]
    for name in (*known, *rest)[:most]:
        yield name, labels[name]


def _counts(episode: Episode) -> Iterator[Sentence]:
    ended_ones = episode.total - episode.firing
    if ended_ones:
        yield (f"{count(episode.firing, 'alert')} firing, {ended_ones} ended.",)
    if episode.truncated:
        yield (f"Alertmanager left {count(episode.truncated, 'alert')} out of what it sent.",)


def _links(episode: Episode, rows: Sequence[AlertRow]) -> Iterator[Sentence]:
    first = rows[0] if rows else None
    notes = first.annotations if first else {}
    pages = (
        ("Runbook", web_address(notes.get("runbook_url", ""))),
        ("Dashboard", web_address(notes.get("dashboard_url", ""))),
        ("Rule", first.source if first else ""),
        ("Alertmanager", episode.source),
    )
    parts: list[Inline] = []
    for words, url in pages:
        if url:
            parts += [*((" · ",) if parts else ()), Link(words, url)]
    if parts:
        yield tuple(parts)
