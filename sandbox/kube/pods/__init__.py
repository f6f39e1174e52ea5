"""What pretends to run inside pods: logs, commands, programs that run to their end, evictions.

Nothing here writes objects of the cluster, evictions apart. A command that nobody here knows
is answered as a shell answers an unknown command, never with a guess.
"""

from __future__ import annotations

from sandbox.kube.pods.runtime import Runtime

__all__ = ["Runtime"]
