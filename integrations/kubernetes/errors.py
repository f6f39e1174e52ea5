"""What can go wrong with a cluster.

::

    KubernetesError
    ├── InvalidName           refused here, nothing was sent
    ├── ClusterConfigError    kubeconfig or login plugin unusable
    ├── ClusterUnreachable    no answer (``maybe_done``: a write may have arrived)
    │   └── ClusterUntrusted  its certificate cannot be believed; nothing was sent
    └── StatusError           the API server answered with a failure
        ├── BadRequest 400  ├── Unauthorized 401  ├── Forbidden 403  ├── NotFound 404
        ├── Conflict 409    ├── Gone 410          ├── Invalid 422    ├── TooManyRequests 429
        └── ServerError 5xx
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from integrations.errors import IntegrationError
from integrations.kubernetes.refusals import refusal

_MANAGER = re.compile(r'conflict with "([^"]+)"')


class KubernetesError(IntegrationError):
    """Base of everything in this tree."""


class InvalidName(KubernetesError):
    """A name, namespace or label that Kubernetes could not have."""


class ClusterConfigError(KubernetesError):
    """The way to the cluster (kubeconfig, context, login plugin) is unusable."""


class ClusterUnreachable(KubernetesError):
    """The API server gave no answer.

    Attributes:
        maybe_done: True when a write had been sent, so that it may have taken effect.
    """

    def __init__(
        self, message: str, *, hint: str = "", detail: str = "", maybe_done: bool = False
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.maybe_done = maybe_done


class ClusterUntrusted(ClusterUnreachable):
    """Whoever answers does not prove to be the cluster; nothing was sent."""


class StatusError(KubernetesError):
    """The API server answered with a failure status.

    Attributes:
        status: HTTP status.
        reason: Kubernetes' machine-readable reason, may be empty.
    """

    def __init__(
        self, message: str, *, status: int, reason: str = "", hint: str = "", detail: str = ""
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.status = status
        self.reason = reason


class BadRequest(StatusError):
    """400: the request makes no sense to this server."""


class Unauthorized(StatusError):
    """401: the credentials are not accepted."""


class Forbidden(StatusError):
    """403: RBAC or an admission plugin says no."""


class NotFound(StatusError):
    """404: no such object, or no such kind."""


class Conflict(StatusError):
    """409: exists already, changed meanwhile, or another manager owns the field.

    Attributes:
        manager: The field manager in the way (server-side apply), else empty.
    """

    manager: str = ""


class Gone(StatusError):
    """410: the resource version or continue token is too old."""


class Invalid(StatusError):
    """422: the object breaks a rule of its schema or admission."""


class TooManyRequests(StatusError):
    """429: the server is busy, or a disruption budget forbids an eviction.

    Attributes:
        retry_after: Seconds the server asks to wait, or None.
    """

    retry_after: float | None = None


class ServerError(StatusError):
    """5xx: the API server itself has a problem.

    Attributes:
        retry_after: Seconds the server asks to wait, or None.
    """

    retry_after: float | None = None


_BY_STATUS: Mapping[int, tuple[type[StatusError], str, str]] = {
    400: (BadRequest, "does not understand", "See the log for the whole answer."),
    401: (Unauthorized, "does not accept the bot's credentials for", "Renew the credentials."),
    403: (
        Forbidden,
        "does not allow",
        "Give the bot's account the missing right (deploy/rbac.yaml) or use another account.",
    ),
    404: (NotFound, "does not know", "Check the name and the namespace."),
    409: (Conflict, "reports a conflict for", "Look at the object and try again."),
    410: (Gone, "no longer has the version for", "Read it again from the start."),
    422: (Invalid, "refuses the object in", "Correct the named field."),
    429: (
        TooManyRequests,
        "is too busy for",
        "Try again in a minute; if it lasts, see what floods the API (priority and fairness).",
    ),
}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a ``Retry-After`` header; None when absent or a date."""
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None


def from_response(
    cluster: str, act: str, status: int, body: bytes, headers: Mapping[str, str]
) -> StatusError:
    """Translate a failure answer (usually a ``metav1.Status``) into one of our errors.

    Args:
        cluster: Name of the cluster for the sentence.
        act: What was tried, such as ``get Deployment parse/server``.
        status: HTTP status.
        body: Raw body; need not be JSON.
        headers: Response headers.
    """
    text = body.decode("utf-8", "replace").strip()
    doc = _status_document(text)
    reason, said = str(doc.get("reason") or ""), str(doc.get("message") or text)[:500]
    kind, verb, hint = _BY_STATUS.get(status, (ServerError, "failed at", "Try again in a moment."))
    sentence = f"Cluster {cluster} {verb} “{act}” ({status})" + (f": {said}" if said else "")
    if refused := refusal(said):
        sentence, hint = f"Cluster {cluster} {refused.words} (“{act}”)", f"{refused.hint}."
    elif "etcd" in said and status >= 500:
        hint = "The API server answers, but its store does not keep up: look at etcd."
    error = kind(
        sentence.rstrip(".") + ".", status=status, reason=reason, hint=hint, detail=text[:4000]
    )
    if isinstance(error, Conflict):
        managers = _MANAGER.findall(" ".join(_causes(doc)) or said)
        error.manager = managers[0] if managers else ""
        if error.manager:
            error.hint = f"The field belongs to “{error.manager}”; change it there."
    if isinstance(error, TooManyRequests | ServerError):
        error.retry_after = retry_after(headers)
    return error


def _status_document(text: str) -> dict[str, Any]:
    try:
        doc = json.loads(text)
    except ValueError:
        return {}
    return doc if isinstance(doc, dict) else {}


def _causes(doc: Mapping[str, Any]) -> list[str]:
    details = doc.get("details") or {}
    return [str(c.get("message", "")) for c in details.get("causes") or []]
