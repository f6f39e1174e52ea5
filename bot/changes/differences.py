"""What others changed between two looks at a namespace. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.changes.observed import Revision, Workload, Write
from bot.changes.ours import RESTORERS, Ours, owners
from bot.releases.words import SECOND, listed, short_image
from bot.store.outside_changes import Known, OutsideChange
from integrations.kubernetes.wording import FIELD_MANAGER

CONTROLLERS = ("kube-controller-manager", "k3s", "kubelite")
"""How those begin who write sizes for an autoscaler: the controller manager by its file's name,
or the one process of k3s and of MicroK8s that it is part of."""
LEFT_PENDING = 300 * SECOND
"""A revision that helm has not finished by then is told as it is."""
RELEASE = "release"
GRACE = 3 * SECOND
"""So long an object of a release may be gone before helm is seen to have taken it."""

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is in a namespace now.

    Attributes:
        now: Microseconds UTC.
        kinds: What can be seen: `deployment`, `statefulset`, `daemonset`, `release`.
        workloads: By `deployment/web`.
        releases: Release → its revisions on record, oldest first.
        apps: Release → the configured app that it is.
        scaled: `deployment/web` → when it was scaled last, for what is only seen long after: the
            API server does not date what comes through the scale subresource.
        gone: `deployment/web` → when it was first missed.
    """

    cluster: str
    namespace: str
    now: int
    kinds: frozenset[str]
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    releases: Mapping[str, Sequence[Revision]] = field(default_factory=dict)
    apps: Mapping[str, str] = field(default_factory=dict)
    scaled: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)

    def missed(self, name: str, release: str) -> bool:
        """Whether an object is gone, and nobody can know yet whether with its release."""
        return bool(release) and self.now - self.gone.get(name, 0) < GRACE

    @property
    def facts(self) -> dict[str, Facts]:
        """What to keep of it until the next look, by object."""
        kept: dict[str, Facts] = {name: one.facts for name, one in self.workloads.items()}
        for name, all_ in self.releases.items():
            if done := self.finished(all_):
                last = done[-1]
                kept[f"{RELEASE}/{name}"] = {
                    "revision": last.number,
                    "made_at": last.made_at,
                    "gone": last.status == "uninstalled",
                }
        return kept

    def finished(self, revisions: Sequence[Revision]) -> list[Revision]:
        """Without what helm is still at work on."""
        return [r for r in revisions if not r.pending or self.now - r.made_at > LEFT_PENDING]

    def known(self) -> list[Known]:
        """The same for the store."""
        return [Known(self.namespace, name, facts) for name, facts in self.facts.items()]


@dataclass(frozen=True, slots=True)
class Before:
    """What there was: the kinds that had been looked at, and the facts of each object."""

    kinds: frozenset[str] = frozenset()
    facts: Mapping[str, Facts] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Facts]:
        """The objects of one kind."""
        return {n: f for n, f in self.facts.items() if n.partition("/")[0] == kind}


@dataclass(frozen=True, slots=True)
class Told:
    """What helm's own record tells of a revision."""

    chart: str
    description: str


def new_revisions(before: Before, sight: Sight) -> list[Revision]:
    """Revisions that the last look did not show; of a new release only the newest."""
    found: list[Revision] = []
    if RELEASE not in before.kinds & sight.kinds:
        return found
    for name, all_ in sight.releases.items():
        done = sight.finished(all_)
        old = before.facts.get(f"{RELEASE}/{name}")
        if not done:
            continue
        last = done[-1]
        if old is None or last.number < old["revision"]:
            found.append(last)
        elif last.number > old["revision"]:
            found += [r for r in done if r.number > old["revision"]]
        elif last.made_at > old["made_at"]:  # of the same number, and yet another
            found.append(last)
    return found


def differences(
    before: Before, sight: Sight, ours: Ours, told: Mapping[tuple[str, int], Told]
) -> list[OutsideChange]:
    """What others changed, in no order.

    Args:
        before: What the last look showed. Kinds that nobody had looked at tell nothing new.
        sight: What there is now.
        ours: The bot's operations of late.
        told: Release and number → what helm's record says, as far as it could be read.
    """
    look = _Look(before, sight, ours, told, new_revisions(before, sight))
    return [*look.workloads(), *look.releases()]


@dataclass(frozen=True, slots=True)
class _Look:
    before: Before
    sight: Sight
    ours: Ours
    told: Mapping[tuple[str, int], Told]
    new: list[Revision]

    # -- releases --------------------------------------------------------------------------

    def releases(self) -> Iterator[OutsideChange]:
        for one in self.new:
            told = self.told.get((one.release, one.number))
            all_ = self.sight.releases[one.release]
            if one.status == "uninstalled":
                continue
            if not self.ours.made(one, all_, told.description if told else None):
                kind, text = _revision(one, told)
                yield self._change(
                    f"{RELEASE}/{one.release}", kind, text, Write(one.manager, one.made_at)
                )
        if RELEASE not in self.before.kinds & self.sight.kinds:
            return
        now = self.sight.facts
        for name, old in self.before.of(RELEASE).items():
            ended = not old["gone"] and (name not in now or now[name]["gone"])
            release = name.partition("/")[2]
            if ended and release in self.sight.releases and name not in now:
                ended = False  # helm is at work on it
            if ended and not self.ours.under_way(self.sight.now, ("uninstall", *RESTORERS)):
                text = f"Helm release {release} uninstalled"
                yield self._change(name, "uninstall", text, Write("", 0))

    def _by_helm(self, workload_release: str, write: Write | None) -> bool:
        """Whether the release tells of it."""
        if not workload_release or RELEASE not in self.sight.kinds:
            return False
        return write is None or write.manager.startswith("helm")

    def _release_moved(self, release: str) -> bool:
        if not release or RELEASE not in self.sight.kinds:
            return False
        all_ = self.sight.releases.get(release)
        last = all_[-1] if all_ else None
        old = self.before.facts.get(f"{RELEASE}/{release}")
        if last is None or old is None:
            return True
        busy = last.pending or last.status in ("uninstalling", "uninstalled")
        return busy or last.number != old["revision"]

    # -- workloads -------------------------------------------------------------------------

    def workloads(self) -> Iterator[OutsideChange]:
        both = self.before.kinds & self.sight.kinds
        for name, now in self.sight.workloads.items():
            if name.partition("/")[0] not in both:
                continue
            old = self.before.facts.get(name)
            if old is None or old["uid"] != now.uid:
                yield from self._made(now, again=old is not None)
            elif old["generation"] != now.generation:
                yield from self._changed(old, now)
        for kind in sorted(both - {RELEASE}):
            for name, old in self.before.of(kind).items():
                if name not in self.sight.workloads:
                    yield from self._deleted(name, str(old["release"]))

    def _made(self, now: Workload, *, again: bool) -> Iterator[OutsideChange]:
        first = now.writes[0] if now.writes else Write("", 0)
        if first.manager == FIELD_MANAGER or self._by_helm(now.release, first):
            return
        if self.ours.under_way(now.made_at or self.sight.now, RESTORERS):
            return
        text = f"{now.object} {'made anew' if again else 'made'}"
        yield self._change(now.object, "made", text, Write(first.manager, now.made_at), now.release)

    def _deleted(self, name: str, release: str) -> Iterator[OutsideChange]:
        if self._release_moved(release) or self.ours.under_way(self.sight.now):
            return
        if self.sight.missed(name, release):
            return
        yield self._change(name, "deleted", f"{name} deleted", Write("", 0), release)

    def _changed(self, old: Facts, now: Workload) -> Iterator[OutsideChange]:
        fresh = [write for write in now.writes if _fresh(old, write)]
        by: dict[Write, list[tuple[str, str]]] = {}
        for what, kind, text in _differences(old, now):
            write = now.owners.get(what) or (fresh[-1] if fresh else Write("", 0))
            if what == "replicas" and not write.at:
                write = replace(write, at=self.sight.scaled.get(now.object, 0))
            by.setdefault(write, []).append((kind, text))
        named = {write.who for write in by}
        for write in fresh:
            if write.who not in named:
                by[write] = [("changed", "settings changed")]
        if not by:
            by[Write("", 0)] = [("changed", "settings changed")]
        for write, parts in by.items():
            if not self._untold(write, now, parts):
                continue
            automatic = write.manager.startswith(CONTROLLERS)
            kind = next(k for k in _ORDER if k in {kind for kind, _ in parts})
            text = f"{now.object}: {listed(text for _, text in parts)}"
            yield self._change(now.object, kind, text, write, now.release, automatic=automatic)

    def _untold(self, write: Write, now: Workload, parts: Sequence[tuple[str, str]]) -> bool:
        """Whether it was somebody else, and nothing else tells of it."""
        if write.manager == FIELD_MANAGER or self._by_helm(now.release, write):
            return False
        if write.manager.startswith(CONTROLLERS):
            return any(kind == "scale" for kind, _ in parts)
        if self.ours.under_way(write.at or self.sight.now, RESTORERS):
            return False
        if write.manager:
            return True
        return not (self._release_moved(now.release) or self.ours.under_way(self.sight.now))

    def _change(
        self,
        object_: str,
        kind: str,
        text: str,
        write: Write,
        release: str = "",
        *,
        automatic: bool = False,
    ) -> OutsideChange:
        sight = self.sight
        of = object_.partition("/")[2] if object_.startswith(f"{RELEASE}/") else release
        return OutsideChange(
            at=min(write.at, sight.now) or sight.now,  # no clock of a cluster makes it to come
            cluster=sight.cluster,
            namespace=sight.namespace,
            app=sight.apps.get(of) or owners(sight.apps),
            object=object_,
            kind=kind,
            text=text,
            manager=write.manager,
            automatic=automatic,
        )


_ORDER = ("deploy", "scale", "restart", "changed")


def undated(before: Before, sight: Sight) -> list[Workload]:
    """Workloads of another size than before, of which nobody knows since when."""
    found = []
    for name, now in sight.workloads.items():
        old, owner = before.facts.get(name), now.owners.get("replicas")
        same = old is None or old["uid"] != now.uid or old["replicas"] == now.replicas
        if not same and owner is not None and not owner.at:
            found.append(now)
    return found


def _fresh(old: Facts, write: Write) -> bool:
    """Whether somebody wrote since; who only lost a field to another did not."""
    at, fields = old["written"].get(write.who) or (0, 0)
    return bool(write.at != at or write.fields > fields)


def _differences(old: Facts, now: Workload) -> Iterator[tuple[str, str, str]]:
    """Field, kind of change, and words."""
    images: Mapping[str, str] = old["images"]
    for name, image in now.images.items():
        if name in images and images[name] != image:
            text = f"image {short_image(images[name])} → {short_image(image)}"
            yield f"image {name}", "deploy", text
    if old["replicas"] != now.replicas:
        yield "replicas", "scale", f"scaled from {old['replicas']} to {now.replicas}"
    if now.restarted and old["restarted"] != now.restarted:
        yield "restart", "restart", "restarted"


def _revision(one: Revision, told: Told | None) -> tuple[str, str]:
    """Kind and words of a revision."""
    chart = f" with chart {told.chart}" if told and told.chart else ""
    words = told.description if told else ""
    failed = ", which failed" if one.status == "failed" else ""
    stuck = ", which helm never finished" if one.pending else ""
    end = f"{failed}{stuck}"
    if words.startswith("Rollback to "):
        target = words.removeprefix("Rollback to ").split(" ")[0]
        back = f" to revision {target}" if target.isdecimal() else ""
        return "rollback", f"Helm release {one.release} rolled back{back}{end}"
    if one.number == 1:
        return "deploy", f"Helm release {one.release} installed{chart}{end}"
    return "deploy", f"Helm release {one.release} upgraded to revision {one.number}{chart}{end}"
