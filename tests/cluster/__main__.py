"""``python -m tests.cluster``: build the real servers, or bring them up and leave them running."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.build import Builder, BuildError
from tests.cluster.folders import own_folder
from tests.cluster.lab import OLDER, SERVERS, Lab, servers_of
from tests.cluster.monitoring import TOOLS as MONITORING
from tests.cluster.process import ServerFailed
from tests.cluster.recovery import TOOLS as RECOVERY

TESTED = (*SERVERS, *servers_of(OLDER), *RECOVERY, *MONITORING, "kubectl", "helm4")
"""What `make test-lab` needs."""


def up(nodes: int, folder: Path) -> None:
    """Run a lab until it is interrupted; how to use it is printed."""
    with Lab.started(folder, nodes=nodes, exec=False) as lab:
        bot = Path(sys.executable).with_name("onprem")
        print(f"A real Kubernetes API answers at {lab.url}; nodes ready: {nodes}.")
        print(f"  export KUBECONFIG={lab.kubeconfig}")
        print(f"  {bot} --kubeconfig {lab.kubeconfig} deploy parse")
        print("Pods are played by kwok: no program runs in them. Ctrl-C ends it all.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    options.add_argument("act", choices=["build", "up"])
    options.add_argument("--nodes", type=int, default=3, metavar="N", help="default: 3")
    given = options.parse_args(arguments)
    try:
        if given.act == "build":
            Builder().build(TESTED)
            return 0
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.default_int_handler)
        with own_folder("onprem-lab-") as folder:
            up(given.nodes, folder)
    except (BuildError, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; a build goes on from here next time", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
