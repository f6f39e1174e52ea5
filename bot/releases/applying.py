"""The acting part of a deploy: namespace, credentials, helm upgrade; and rendering for a diff."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bot.errors import Drifted
from bot.releases import values
from bot.releases.credentials import make_secret, secret_exists
from bot.releases.helming import HelmStep

if TYPE_CHECKING:
    from bot.context import Ctx, Op
    from bot.releases.deployment import Live, Wanted
    from bot.releases.targets import AppRef


async def prepare(ctx: Ctx, ref: AppRef, op: Op, wanted: Wanted) -> None:
    """Makes the namespace and the credentials of a first deploy."""
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import NAMESPACE, SECRET

    kube = ctx.clusters(ref.cluster).kube
    make = op.facts["make"]

    async def create_namespace() -> str:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.namespace}}
        await kube.create(NAMESPACE, None, body)
        return ref.namespace

    async def namespace_there() -> str | None:
        try:
            await kube.get(NAMESPACE, None, ref.namespace)
        except NotFound:
            return None
        return ref.namespace

    async def create_secret() -> str:
        await kube.create(SECRET, ref.namespace, make_secret(ref, wanted.computed))
        return "made"

    async def secret_there() -> str | None:
        return "made" if await secret_exists(kube, ref) else None

    if make["namespace"] == "create":
        await op.step(f"create namespace {ref.namespace}", create_namespace, done=namespace_there)
    if make["credentials"] == "create":
        await op.step("make the credentials", create_secret, done=secret_there)


async def upgrade(ctx: Ctx, ref: AppRef, op: Op, wanted: Wanted) -> dict[str, Any]:
    """Runs helm as a step; see `HelmStep.run` for what it returns."""
    from integrations.helm.recovery import Intent

    cluster, facts = ctx.clusters(ref.cluster), op.facts

    async def act(on_spawn: Any) -> None:
        digest = values.digest(wanted.values)
        if (wanted.chart.digest, digest) != (facts["chart"], facts["values"]):
            raise Drifted(
                f"The chart or the configured values of {ref.name} have changed since the plan",
                hint="Ask again to see what would happen now",
            )
        await cluster.helm.install_or_upgrade(
            ref.release,
            wanted.chart.ref,
            wanted.values,
            namespace=ref.namespace,
            operation=op.id,
            description=describe(wanted, ref, ctx.asker.person),
            chart_version=wanted.chart.version,
            repo=wanted.chart.repo,
            create_namespace=False,
            on_spawn=on_spawn,
            secrets=hidden_in(wanted.values, ref.config.secret_values),
        )

    step = HelmStep(
        op,
        cluster,
        ref.release,
        ref.namespace,
        Intent(op.id, "upgrade", int(facts["revision"])),
        act,
        ctx.config.helm.timeout * 2,
    )
    return await step.run("helm upgrade")


def describe(wanted: Wanted, ref: AppRef, person: str) -> str:
    """The words for helm's history; `version_of` reads the version from them again."""
    tag = values.get(wanted.values, ref.config.version_value) or wanted.chart.app_version
    version = f" {tag}" if tag and " " not in str(tag) else ""
    return f"deploy{version} by {person}"[:200]


def hidden_in(found: Any, secret_values: tuple[str, ...]) -> tuple[str, ...]:
    """Every secret text among values, to be blanked out of helm's words."""
    flat = values.flatten(found)
    hidden = (str(v) for path, v in flat.items() if values.is_secret(path, secret_values))
    return tuple(text for text in hidden if len(text) >= 4)


async def rendered_difference(
    ctx: Ctx, ref: AppRef, live: Live, wanted: Wanted
) -> tuple[tuple[str, str, str], ...]:
    """Title, what happens to it, and a unified diff for each object that a deploy would change."""
    from integrations.helm.diff import diff_manifests

    helm, current = ctx.clusters(ref.cluster).helm, live.current
    hidden = hidden_in(wanted.values, ref.config.secret_values)

    async def now() -> str:
        if current is None:
            return ""
        return await helm.get_manifest(
            ref.release, namespace=ref.namespace, revision=current.number
        )

    before, after = await asyncio.gather(
        now(),
        helm.render(
            ref.release,
            wanted.chart.ref,
            wanted.values,
            namespace=ref.namespace,
            chart_version=wanted.chart.version,
            repo=wanted.chart.repo,
            secrets=hidden,
        ),
    )
    found = await diff_manifests(before, after.manifest, namespace=ref.namespace, secrets=hidden)
    return tuple((o.title, o.change, o.text) for o in found)
