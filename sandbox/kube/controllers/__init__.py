"""Controllers, scheduler and kubelets of the practice cluster, driven by the store's events.

`start` brings them up on the running event loop; nothing polls. They write only through the
store, and speak no HTTP.
"""

from __future__ import annotations

from sandbox.kube.controllers.behaviour import Behaviours, Programs
from sandbox.kube.controllers.faults import World
from sandbox.kube.controllers.manager import Controllers, start
from sandbox.kube.controllers.pace import Pace

__all__ = ["Behaviours", "Controllers", "Pace", "Programs", "World", "start"]
