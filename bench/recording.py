"""When the API server answered a request, from its own audit log; for measuring from outside.

The log is written before the answer's last byte goes out ("blocking"), with microseconds of the
machine's clock (https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import yaml

PATIENCE = 5.0


class AuditLog:
    """What became of PATCH requests on Deployments.

    Args:
        folder: For the policy and the log.

    Attributes:
        options: What the API server has to be started with.
    """

    def __init__(self, folder: Path) -> None:
        policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        patches = {
            "level": "Metadata",
            "verbs": ["patch"],
            "resources": [{"group": "apps", "resources": ["deployments", "deployments/scale"]}],
        }
        content = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [patches, {"level": "None"}],
        }
        policy.write_text(yaml.safe_dump(content))
        self.options = [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self._log}",
            "--audit-log-mode=blocking",
        ]
        self._seen = 0

    def answered(self, name: str) -> float:
        """When the next PATCH of a Deployment was answered, as `time.time`.

        Raises:
            SystemExit: There was none.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for entry in self._news():
                if entry["objectRef"]["name"] == name and entry["responseStatus"]["code"] == 200:
                    return datetime.fromisoformat(entry["stageTimestamp"]).timestamp()
        raise SystemExit(f"the API server has answered no PATCH of deployment {name}")

    def _news(self) -> Iterator[dict[str, dict[str, str]]]:
        with self._log.open("rb") as stream:
            stream.seek(self._seen)
            for line in stream:
                if line.endswith(b"\n"):
                    self._seen += len(line)
                    yield json.loads(line)
