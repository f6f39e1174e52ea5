"""A practice cluster, the client on it, and the real helm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integrations.helm.binary import find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.kube.controllers import Controllers, Pace, start
from sandbox.kube.faults import Faults
from sandbox.kube.pods.runtime import Runtime
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\nappVersion: '8'\n",
    "values.yaml": "replicas: 2\nimage: example/app:1\nkey: none\nhook: false\n",
    "values.schema.json": json.dumps(
        {"type": "object", "properties": {"replicas": {"type": "integer"}}}
    ),
    "templates/secret.yaml": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}}\n"
        "stringData: {key: {{ .Values.key | quote }}}\n"
    ),
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
      - name: main
        image: {{ .Values.image }}
""",
    "templates/hook.yaml": """
{{- if .Values.hook }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: {{ .Values.hookImage | default "example/hook:1" }}
{{- end }}
""",
}


@dataclass
class Cluster:
    """A living cluster and the ways into it."""

    server: KubeServer
    controllers: Controllers
    client: KubeClient
    kubeconfig: Path
    faults: Faults


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    store, faults = Store(), Faults()
    controllers = start(store, pace=Pace().scaled(0.05))
    runtime = Runtime(store, controllers.ctx.behaviours)
    server = KubeServer(store, runtime, token="pract1ce", faults=faults)
    await server.start()
    path = tmp_path / "practice-kubeconfig"
    path.write_text(json.dumps(server.kubeconfig()))
    path.chmod(0o600)
    async with KubeClient(Access("practice", path)) as client:
        yield Cluster(server, controllers, client, path, faults)
    await server.close()
    await controllers.close()
    runtime.close()


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name, content in CHART.items():
        path = tmp_path / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "demo"


@pytest.fixture
async def helm(cluster: Cluster, tmp_path: Path) -> Helm:
    return Helm(
        await find_helm(),
        run_directory=tmp_path / "run",
        kubeconfig=cluster.kubeconfig,
        timeout=20,
        environ={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
