"""A practice cluster for benchmarks, in a process of its own: nodes that hold thousands of pods.

    python -m bench.cluster [--ready SECONDS]

Pods are ready so many seconds after their creation (0.4). Prints one line of JSON (kubeconfig) and
serves until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from pathlib import Path

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import NODE
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace

ROOM = {"pods": "5000", "cpu": "1000", "memory": "4Ti"}


def main() -> None:
    """Serves until SIGTERM."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ready", type=float, default=0.4)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_serve(Path(folder) / "kubeconfig", options.parse_args().ready))


async def _serve(kubeconfig: Path, ready: float) -> None:
    pace = Pace(
        schedule=ready / 4, pull=0, start=ready / 4, ready=ready / 2, terminate=0.1, bind=0.01
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    cluster = await PracticeCluster.started("lab", kubeconfig, pace=pace)
    try:
        async with KubeClient(Access("lab", kubeconfig)) as client:
            for node in (await client.list(NODE)).items:
                room = {"status": {"allocatable": ROOM, "capacity": ROOM}}
                await client.patch(NODE, None, node["metadata"]["name"], room, subresource="status")
        print(json.dumps({"kubeconfig": str(kubeconfig)}), flush=True)
        await stop.wait()
    finally:
        await cluster.close()


if __name__ == "__main__":
    main()
