"""What the bot adds to Velero's own time, on real servers.

The real Velero with its AWS plugin and MinIO, beside the lab's control plane; the shipped Parse
chart without volume data, for which kubelets would be needed. The bot runs as a service with the
rights of `deploy/`. `backup create` and `restore` are commands in a terminal, whole processes from
their start to their end. A watch beside them notes when each Backup and Restore was made and when
Velero ended it; what the command took besides is the bot's: start of the terminal, plan, reading
what became of each object and volume, and for the restore waiting until the app is ready.

    python -m bench.recovery [--runs 7]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import aclosing
from pathlib import Path

from bench import rig
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from integrations.velero.client import Velero
from integrations.velero.kinds import BACKUP, RESTORE
from integrations.velero.runs import Backup, Restore
from tests.cluster.recovery import ObjectStore
from tests.lab.recovery.ward import Ward, ward_in

MOST = 1.0
"""Seconds that the bot may add, by the median."""


def main() -> int:
    """Measures both and prints them; 1 when the promise is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=7)
    runs = options.parse_args().runs
    print(rig.machine(), f"load {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        ObjectStore.started(Path(folder) / "store") as store,
        ward_in(Path(folder), store) as ward,
    ):
        return _measure(Path(folder), ward, runs)


def _measure(folder: Path, ward: Ward, runs: int) -> int:
    config = ward.config(folder / "bot")
    took: dict[str, list[float]] = {"backup create": [], "restore": []}
    own: dict[str, list[float]] = {name: [] for name in took}
    with rig.bot(config, folder / "bot.log"), Runs(ward.lab.kubeconfig) as seen:
        rig.timed(rig.onprem(config, "deploy", "parse"))
        for _ in range(runs):
            for name, words in (
                ("backup create", ("backup", "create", "parse")),
                ("restore", ("restore", "parseserver-backup", "--yes")),
            ):
                seen.forget()
                took[name].append(rig.timed(rig.onprem(config, *words)))
                own[name].append(seen.seconds())
                if name == "backup create":
                    ward.grounds.clear()
    missed = False
    for name, whole in took.items():
        added = [a - b for a, b in zip(whole, own[name], strict=True)]
        missed |= statistics.median(added) > MOST
        print(f"{name:14} whole process   {rig.summary(whole)}")
        print(f"{name:14} Velero itself   {rig.summary(own[name])}")
        print(f"{name:14} added by us     {rig.summary(added)}   (promised {MOST:g})")
    print(f"load {os.getloadavg()[0]:.1f}")
    return int(missed)


class Runs:
    """Notes how long Velero's last run took, by watches in a thread of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._made: dict[str, float] = {}
        self._told: set[str] = set()
        self._took: float | None = None
        self._ended, self._begun = threading.Event(), threading.Semaphore(0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Runs:
        self._thread.start()
        for _ in (BACKUP, RESTORE):
            self._begun.acquire(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._watching.cancel)
        self._thread.join()

    def forget(self) -> None:
        """Before the next run."""
        self._took = None
        self._ended.clear()

    def seconds(self) -> float:
        """From the run's appearance to its end, as the API told them."""
        if not self._ended.wait(10) or self._took is None:
            raise SystemExit("the watch has not seen Velero's run")
        return self._took

    def _run(self) -> None:
        self._watching = self._loop.create_task(self._watch())
        try:
            self._loop.run_until_complete(self._watching)
        except asyncio.CancelledError:
            self._loop.close()

    async def _watch(self) -> None:
        async with KubeClient(Access("lab", self._kubeconfig)) as client:
            velero = Velero(client)
            await asyncio.gather(
                self._follow(velero, BACKUP, Backup), self._follow(velero, RESTORE, Restore)
            )

    async def _follow(self, velero: Velero, kind: object, read: type[Backup | Restore]) -> None:
        async with aclosing(velero.watch(kind).events()) as events:  # type: ignore[arg-type]
            async for event in events:
                if not event.object:
                    self._begun.release()
                    continue
                run, now = read.from_object(event.object), time.monotonic()
                made = self._made.setdefault(run.uid, now)
                if run.finished and run.uid not in self._told:
                    self._told.add(run.uid)
                    self._took = now - made
                    self._ended.set()


if __name__ == "__main__":
    sys.exit(main())
