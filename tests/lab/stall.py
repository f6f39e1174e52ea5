"""A request that hangs in a real API server: a webhook that takes calls and never answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.cluster.lab import Json, Lab
from tests.lab.grounds import NAMESPACE, wait_for

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
A_WHILE = 3
"""Seconds until the API server goes on without the webhook."""


@contextmanager
def stalled(lab: Lab, verb: str, resource: str) -> Iterator[Callable[[], bool]]:
    """Let such requests in the namespace (`CREATE`, `statefulsets`) hang for a while each.

    Yields:
        Whether one hangs since the last question.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as calls:
        listener.setblocking(False)

        def hangs() -> bool:
            with suppress(BlockingIOError):
                calls.enter_context(listener.accept()[0])
                return True
            return False

        lab.api("POST", HOOKS, _hook(listener.getsockname()[1], verb, resource))
        try:
            # A busy server may keep a probe waiting by itself: only a call of the webhook counts.
            wait_for(lambda: _probe(lab) and hangs(), "the webhook is in force")
            while hangs():
                pass
            yield hangs
        finally:
            lab.api("DELETE", f"{HOOKS}/stall")


def _probe(lab: Lab) -> bool:
    """Whether a request that only the webhook delays hangs."""
    labels = {"stall": "probe"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "p", "labels": labels}}
    try:
        lab.api("POST", f"{CONFIGMAPS}?dryRun=All", body, timeout=0.5)
    except TimeoutError:
        return True
    return False


def _hook(port: int, verb: str, resource: str) -> Json:
    common = {
        "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": A_WHILE,
        "failurePolicy": "Ignore",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
    }
    asked = {"operations": [verb], "apiGroups": ["apps"], "resources": [resource]}
    probe = {"operations": ["CREATE"], "apiGroups": [""], "resources": ["configmaps"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "stall"},
        "webhooks": [
            {"name": "asked.example.com", "rules": [{**asked, "apiVersions": ["*"]}], **common},
            {
                "name": "probe.example.com",
                "rules": [{**probe, "apiVersions": ["*"]}],
                "objectSelector": {"matchLabels": {"stall": "probe"}},
                **common,
            },
        ],
    }
