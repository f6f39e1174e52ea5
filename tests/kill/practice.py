"""A practice world in a process of its own, which outlives every bot, and a plain look into it."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PATIENCE = 30.0
VELERO = "/apis/velero.io/v1/namespaces/velero"


def wait_for(holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
    """Waits until something is true, and returns it.

    Raises:
        AssertionError: It never was.
    """
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.005)
    return value


@dataclass
class Practice:
    """A practice world.

    Attributes:
        about: Its addresses and files, as `onprem sandbox` prints them.
    """

    about: dict[str, Any]
    _made: int = 0
    _access: tuple[str, str, ssl.SSLContext] | None = field(default=None)

    def config(self, directory: Path, **settings: Any) -> Path:
        """A configuration with a namespace and a state of its own for the app `parse`.

        Args:
            directory: Where it is written and where its state goes.
            settings: Replace those of the world; None leaves one out.
        """
        self._made += 1
        whole = yaml.safe_load(Path(self.about["config"]).read_text())
        source = Path(self.about["config"]).parent
        for key in ("bot_token_file", "app_token_file"):
            whole["slack"][key] = str(source / whole["slack"][key])
        whole["state"] = {"directory": str(directory / "state")}
        whole["apps"]["parse"]["namespace"] = f"case-{self._made}"
        whole["apps"]["parse"]["timeout"] = 60
        whole["helm"] = {"timeout": 30}
        whole.pop("alerts", None)  # two bots may be there for a moment, and it is one port
        whole |= settings
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "onprem.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in whole.items() if v is not None}))
        return path

    def get(self, path: str, **query: str) -> Any:
        """One GET of the Kubernetes API; None when it is not there."""
        return self._call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def clear(self) -> None:
        """Deletes all namespaces of cases, as the nodes take only so many pods; schedules, too."""
        for item in (self.get(f"{VELERO}/schedules") or {"items": []})["items"]:
            self._call("DELETE", f"{VELERO}/schedules/{item['metadata']['name']}")
        for item in self.get("/api/v1/namespaces")["items"]:
            name = item["metadata"]["name"]
            if name.startswith("case-") and item["status"]["phase"] == "Active":
                self._call("DELETE", f"/api/v1/namespaces/{name}")

    def lose(self, namespace: str) -> None:
        """Deletes a namespace with all that is in it, and waits until it is gone."""
        path = f"/api/v1/namespaces/{namespace}"
        self._call("DELETE", path)
        wait_for(lambda: self.get(path) is None, f"namespace {namespace} is gone")

    def save(self, name: str, namespace: str) -> None:
        """Makes a backup of a namespace, and waits until it is complete."""
        if self.get(f"/api/v1/namespaces/{namespace}") is None:
            self._call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        self._until("backupstoragelocations/default", "Available")
        spec = {"includedNamespaces": [namespace], "storageLocation": "default"}
        meta = {"name": name, "namespace": "velero"}
        body = {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": meta, "spec": spec}
        self._call("POST", f"{VELERO}/backups", body)
        self._until(f"backups/{name}", "Completed")

    def _until(self, path: str, phase: str) -> None:
        def there() -> bool:
            found = self.get(f"{VELERO}/{path}") or {}
            return bool(found.get("status", {}).get("phase") == phase)

        wait_for(there, f"{path} is {phase}")

    def fault(self, **fault: Any) -> None:
        """Puts a failure in force for chosen requests; see `sandbox.kube.faults.Fault`."""
        self._call("POST", "/sandbox/faults", fault)

    def faults(self) -> list[dict[str, Any]]:
        """The failures still in force."""
        return list(self._call("GET", "/sandbox/faults")["faults"])

    def trouble(self, word: str) -> None:
        """Puts a failure in force by its word."""
        body = json.dumps({"fault": word}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.about['control']}/faults", body, headers)
        urllib.request.urlopen(request, timeout=10).close()

    def heal(self) -> None:
        """Ends the failures of the API and brings Slack back."""
        self.trouble("none")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        server, token, context = self._reach()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(server + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise

    def _reach(self) -> tuple[str, str, ssl.SSLContext]:
        if self._access is None:
            config = json.loads(Path(self.about["kubeconfig"]).read_text())
            cluster = config["clusters"][0]["cluster"]
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
            context = ssl.create_default_context(cadata=authority)
            token = config["users"][0]["user"]["token"]
            self._access = cluster["server"], token, context
        return self._access


@contextmanager
def practice(directory: Path, *faults: str) -> Iterator[Practice]:
    """Starts a world; it ends with the block, or with this process."""
    command = [sys.executable, "-m", "tests.kill.world", str(directory), *faults]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "the practice world did not start"
            yield Practice(json.loads(line))
        finally:
            process.stdin.close()
            process.wait(10)
            process.stdout.close()
