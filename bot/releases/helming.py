"""One helm act as a durable step: look whether it is done, clear what a kill left, act once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.errors import Drifted, Failed
from bot.releases.live import newest_revision
from bot.releases.patience import patiently

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.helm.models import Revision
    from integrations.helm.recovery import Decision, Intent

_TIDY_SECONDS = 15.0

OnSpawn = Callable[[int, int], Awaitable[None] | None]
Act = Callable[[OnSpawn], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HelmStep:
    """A helm act within an operation.

    Attributes:
        op: The operation; its id marks the revision that helm makes.
        cluster: Where.
        release: Helm's name for it.
        namespace: Where the release lives.
        intent: What is to happen, on top of which revision.
        act: Runs helm.
        wait: Seconds to wait for a helm that outlived an earlier process of ours.
    """

    op: Op
    cluster: Cluster
    release: str
    namespace: str
    intent: Intent
    act: Act
    wait: float = 600.0

    async def run(self, name: str) -> dict[str, Any]:
        """Runs it as a step.

        Returns:
            `revision`, the number that helm made (0 after an uninstall), and `failed`: helm's
            words when it made a revision and then failed, else empty.

        Raises:
            Drifted: Somebody else changed the release meanwhile; nothing was done.
            OnpremError: Helm failed before it made a revision.
        """
        result: dict[str, Any] = await self.op.step(name, self._do, done=self._look)
        return result

    async def _look(self) -> dict[str, Any] | None:
        from integrations.helm.recovery import Adopt

        decision = await self._settled()
        return _made(decision.revision) if isinstance(decision, Adopt) else None

    async def _do(self) -> dict[str, Any]:
        from integrations.errors import IntegrationError
        from integrations.helm.errors import Cancelled

        base = await self._ready()
        try:
            await self.act(self.op.helm_started)
        except asyncio.CancelledError:
            await self._leave_nothing_pending()
            raise
        except Cancelled:
            raise
        except IntegrationError as error:
            made = await patiently(self.op, self._newest)
            if self.intent.verb == "uninstall" or made <= base:
                raise
            return {"revision": made, "failed": str(error)}
        if self.intent.verb == "uninstall":
            return {"revision": 0, "failed": ""}
        made = await patiently(self.op, self._newest)
        return {"revision": made, "failed": ""}

    async def _newest(self) -> int:
        return await newest_revision(self.cluster.kube, self.namespace, self.release)

    async def _leave_nothing_pending(self) -> None:
        """After helm was told to stop: a release that stays pending refuses every later deploy."""
        from integrations.errors import IntegrationError
        from integrations.helm.recovery import DropPending, RunAgain, clear_pending

        with contextlib.suppress(IntegrationError, Failed, TimeoutError):
            async with asyncio.timeout(_TIDY_SECONDS):
                decision = await self._settled()
                if isinstance(decision, RunAgain):  # a rollback could go on from what it has made
                    decision = DropPending(decision.base_revision)
                if isinstance(decision, DropPending):
                    await clear_pending(self.cluster.kube, self.release, self.namespace, decision)

    async def _ready(self) -> int:
        """Makes sure that nothing is in the way and returns the revision that helm starts from."""
        from integrations.helm.recovery import DropPending, RunAgain, clear_pending

        base = self.intent.base_revision
        if await newest_revision(self.cluster.kube, self.namespace, self.release) == base:
            return base
        decision = await self._settled()
        if isinstance(decision, DropPending):
            await clear_pending(self.cluster.kube, self.release, self.namespace, decision)
            decision = await self._settled()
        if isinstance(decision, RunAgain):
            return decision.base_revision
        raise Drifted(
            f"Release {self.release} has changed since this was planned",
            why=getattr(decision, "reason", "helm has already made the revision"),
            hint=getattr(decision, "hint", "") or "Ask again to see what would happen now",
        )

    async def _settled(self) -> Decision:
        """Decides by what is there, once no helm of this operation runs any more."""
        from integrations.helm import orphan
        from integrations.helm.recovery import WaitForOrphan, decide, revisions_labelled

        while True:
            # Looked for first: what is read while none runs cannot change under our hands.
            running = orphan.find_by_operation(self.op.id)
            history = await self.cluster.helm.history(self.release, namespace=self.namespace)
            labelled = await revisions_labelled(
                self.cluster.kube, self.release, self.namespace, self.op.id
            )
            decision = decide(self.intent, history, labelled=labelled, running=running)
            if not isinstance(decision, WaitForOrphan):
                return decision
            await self.op.say("waiting for the helm that was started before the restart")
            if not await orphan.wait_gone(decision.process, self.wait):
                raise Failed(
                    f"Helm is still at work on {self.release} after {self.wait:.0f} s",
                    hint=f"Look at process {decision.process.pid} on the bot's host",
                )

    def again(self, **changes: Any) -> HelmStep:
        """The same with another intent or act."""
        return replace(self, **changes)


def _made(revision: Revision | None) -> dict[str, Any]:
    if revision is None:
        return {"revision": 0, "failed": ""}
    failed = revision.description if revision.status == "failed" else ""
    return {"revision": revision.number, "failed": failed}
