"""A real admission webhook on the loopback address, which a test makes refuse, wait or vanish."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.kube.tls import self_signed

Json = dict[str, Any]

NAME = "policy.example.org"


class Webhook:
    """A running webhook; make it with ``started``.

    Attributes:
        url: Where the API server asks.
        authority: The certificate to trust, PEM.
        refusal: Why everything is refused; None allows.
        held: Answers wait while it is not set.
        asked: Set as soon as one review has arrived.
    """

    def __init__(self, url: str, authority: str) -> None:
        self.url, self.authority = url, authority
        self.refusal: str | None = None
        self.held, self.asked = threading.Event(), threading.Event()
        self.held.set()

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Webhook]:
        """Answer on a free port until the end of the block."""
        pair = self_signed("webhook")
        with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
            server.daemon_threads = True
            context: ssl.SSLContext = pair.server_context()
            server.socket = context.wrap_socket(server.socket, server_side=True)
            hook = cls(f"https://127.0.0.1:{server.server_port}/", pair.certificate_pem)
            server.hook = hook  # type: ignore[attr-defined]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield hook
            finally:
                hook.held.set()
                server.shutdown()
                thread.join()

    def answer(self, review: Json) -> Json:
        """The answer to one AdmissionReview."""
        self.asked.set()
        self.held.wait(30)
        response: Json = {"uid": review["request"]["uid"], "allowed": self.refusal is None}
        if self.refusal is not None:
            response["status"] = {"message": self.refusal}
        kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        return {**kind, "response": response}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook: Webhook = self.server.hook  # type: ignore[attr-defined]
        answer = json.dumps(hook.answer(json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):  # the API server has stopped waiting
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def configuration(
    url: str, authority: str, resources: tuple[str, ...], *, namespace: str = "parse"
) -> Json:
    """A ValidatingWebhookConfiguration that asks at ``url``; without an answer it refuses.

    Args:
        url: Of the webhook.
        authority: PEM.
        resources: Plurals that it is asked about.
        namespace: Where; nowhere else.
    """
    rule = {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": list(resources),
    }
    client = {"url": url, "caBundle": base64.b64encode(authority.encode()).decode()}
    hook: Json = {
        "name": NAME,
        "clientConfig": client,
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 30,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "policy"},
        "webhooks": [hook],
    }
