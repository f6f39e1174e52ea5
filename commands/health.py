"""`health`: how a cluster is, in words: control plane, nodes, pods, warnings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Image,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    command,
)
from bot.health import Finding, of_control_plane, of_nodes, of_pods, picture
from bot.releases.errors import as_words
from bot.releases.targets import apps_on, check_cluster
from bot.releases.words import SECOND, ago, count, listed

if TYPE_CHECKING:
    from bot.render.document import Tone
    from integrations.kubernetes import health, warned
    from integrations.kubernetes.client import KubeClient

WARNED_SECONDS = 3600
MOST_WARNINGS, MOST_NAMES = 8, 3
T = TypeVar("T")


@dataclass(frozen=True)
class HealthParams:
    """What `health` takes."""

    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Health:
    """How a cluster is.

    Attributes:
        findings: In the order of the parts.
        warnings: What it warned of lately, what happens most first.
        narrow: Not all namespaces could be looked at.
        picture: A PNG in hexadecimal digits; empty when nobody would see it.
    """

    cluster: str
    findings: tuple[Finding, ...]
    warnings: tuple[warned.Warnings, ...] = ()
    narrow: bool = False
    picture: str = ""

    @property
    def tone(self) -> Tone:
        """That of the worst finding."""
        tones = {finding.tone for finding in self.findings}
        return "bad" if "bad" in tones else "warn" if "warn" in tones else "good"


def health_target(scope: Scope, p: HealthParams) -> Target:
    """The cluster."""
    return Target(check_cluster(scope.config, p.cluster or scope.cluster))


def view_health(result: Health, now: int) -> Document:
    """Words first, then the warnings and the picture."""
    shown = result.warnings[:MOST_WARNINGS]
    rest = len(result.warnings) - len(shown)
    rows = tuple(
        (str(w.times), w.reason, listed(w.objects, MOST_NAMES), _cut(w.message), ago(w.last, now))
        for w in shown
    )
    sentences = [_sentence(finding) for finding in result.findings]
    table = Table(("times", "warning", "about", "newest", "when"), rows, title="Last hour")
    picture = bytes.fromhex(result.picture)
    of = f" --cluster {result.cluster}"
    return Document.of(
        Title(headline(result), result.tone),
        *sentences,
        table if rows else None,
        Note.of(f"{count(rest, 'more sort')} of warnings not shown.") if rest else None,
        Image(picture, "health.png", alt(result), shared=True) if picture else None,
        _narrow(result),
        Actions(
            (
                Button("Top nodes", "run", command=f"top nodes{of}"),
                Button("What changed", "run", command=f"changes{of}"),
            )
        ),
    )


def headline(result: Health) -> str:
    """`main is well`, or what is wrong with it."""
    wrong = [finding.brief for finding in result.findings if finding.brief]
    if not wrong:
        return f"{result.cluster} is well"
    return f"{result.cluster}: {listed(wrong)}"


def alt(result: Health) -> str:
    """What the picture shows, in words."""
    return " ".join([f"{headline(result)}.", *(f.text for f in result.findings)])[:1000]


def _sentence(finding: Finding) -> Text | Note:
    if finding.tone in ("warn", "bad"):
        return Note.of(f"{finding.part}: {finding.text}", tone=finding.tone)
    return Text.of(f"{finding.part}: {finding.text}")


def _narrow(result: Health) -> Note | None:
    if not result.narrow:
        return None
    return Note.of(
        "Pods and warnings are those of the apps' namespaces: the bot may not list pods in all "
        "namespaces (deploy/rbac.yaml has the rule)."
    )


def _cut(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@command(
    "health",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=HealthParams,
    target=health_target,
    view=view_health,
    examples=("health", "health --cluster main"),
    timeout=60.0,
)
async def health_(ctx: Ctx, p: HealthParams) -> Health:
    """Say how a cluster is: control plane, nodes, pods by cause, and what it warned of lately.

    It asks the cluster itself, so it needs no Prometheus. In a channel a picture shows the nodes.
    """
    from integrations.errors import IntegrationError
    from integrations.kubernetes import health

    cluster, now = ctx.cluster, ctx.clock() / SECOND
    try:
        plane = await health.control_plane(cluster.kube)
    except IntegrationError as error:
        text = as_words(error, hint=True)
        gone = Finding("Control plane", text, "bad", "the API server does not answer")
        return Health(cluster.name, (gone,))
    findings = [*of_control_plane(plane)]
    own = [ref.namespace for ref in apps_on(ctx.config, cluster.name)]
    nodes, (pods, warnings, everywhere) = await asyncio.gather(
        _tried(health.nodes(cluster.kube), (), "Nodes", findings),
        _tried(_inside(cluster.kube, own, now), (None, (), True), "Pods", findings),
    )
    findings += [*(of_nodes(nodes) if nodes else ()), *(of_pods(pods) if pods else ())]
    result = Health(cluster.name, tuple(findings), warnings, narrow=not everywhere)
    if not ctx.scope.channel or not nodes:
        return result
    png = await ctx.artist.draw(picture(headline(result), nodes, pods.on if pods else {}))
    return replace(result, picture=(png or b"").hex())


async def _inside(
    kube: KubeClient, own: list[str], now: float
) -> tuple[health.Pods | None, tuple[warned.Warnings, ...], bool]:
    """Pods, what was warned of in the last hour, and whether that is all there is."""
    from integrations.kubernetes import health, warned

    namespaces, everywhere = await health.namespaces_to_see(kube, own)
    events = await warned.warnings(kube, namespaces, everywhere=everywhere)
    pods = await health.pods(kube, namespaces, events, now)
    return pods, warned.grouped(events, now - WARNED_SECONDS), everywhere


async def _tried(work: Awaitable[T], otherwise: T, part: str, findings: list[Finding]) -> T:
    """What is asked for; when it cannot be had, that is a finding, and the others still count."""
    from integrations.errors import IntegrationError

    try:
        return await work
    except IntegrationError as error:
        text = f"cannot be looked at: {as_words(error, hint=True)}"
        findings.append(Finding(part, text, "warn", f"{part.lower()} unknown"))
        return otherwise


COMMANDS = (health_,)
