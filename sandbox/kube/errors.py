"""Errors as the real API server words them: each one knows its ``metav1.Status`` body.

Source of the sentences: ``k8s.io/apimachinery/pkg/api/errors`` and recorded answers of a
kube-apiserver v1.35. Nothing here knows of HTTP frameworks or of the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason inside a Status: which field, which kind of fault, in words."""

    reason: str
    message: str
    field: str = ""

    def to_json(self) -> Json:
        """Return the ``metav1.StatusCause`` form."""
        body: Json = {"reason": self.reason, "message": self.message}
        if self.field:
            body["field"] = self.field
        return body


class ApiError(Exception):
    """A refusal that a Kubernetes client sees as ``metav1.Status``.

    Attributes:
        code: HTTP status code.
        reason: Machine word such as ``NotFound``; empty for the unnamed ones.
        message: The sentence people see.
        details: The ``details`` object of the Status, empty when there is none.
        headers: Extra HTTP headers such as ``Retry-After``.
        metadata: The list metadata of the Status.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        headers: dict[str, str] | None = None,
        metadata: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details: Json = details or {}
        self.headers: dict[str, str] = headers or {}
        self.metadata: Json = metadata or {}

    def status(self) -> Json:
        """Return the ``metav1.Status`` body of this error."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return body


def _details(group: str, kind: str, name: str = "", causes: Iterable[Cause] = ()) -> Json:
    body: Json = {}
    if name:
        body["name"] = name
    if group:
        body["group"] = group
    if kind:
        body["kind"] = kind
    listed = [cause.to_json() for cause in causes]
    if listed:
        body["causes"] = listed
    return body


def _qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiError:
    """The named object does not exist."""
    text = f'{_qualified(group, plural)} "{name}" not found'
    return ApiError(404, "NotFound", text, details=_details(group, plural, name))


def path_not_found() -> ApiError:
    """No such group, version or resource is served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """An object of that name is already there."""
    text = f'{_qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, details=_details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """The object moved on, or a precondition does not hold."""
    why = why or (
        "the object has been modified; "
        "please apply your changes to the latest version and try again"
    )
    text = f'Operation cannot be fulfilled on {_qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", text, details=_details(group, plural, name))


def apply_conflict(causes: list[Cause], message: str) -> ApiError:
    """Server-side apply met fields that other managers own."""
    return ApiError(
        409, "Conflict", message, details={"causes": [cause.to_json() for cause in causes]}
    )


def invalid(group: str, kind: str, name: str, causes: list[Cause]) -> ApiError:
    """Validation refused the object; every cause names its field."""
    parts = [
        f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes
    ]
    joined = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    text = f'{_qualified(group, kind)} "{name}" is invalid: {joined}'
    return ApiError(422, "Invalid", text, details=_details(group, kind, name, causes))


def forbidden(
    group: str, plural: str, name: str, why: str, causes: Iterable[Cause] = ()
) -> ApiError:
    """Policy or the state of the namespace does not allow it."""
    named = f'{_qualified(group, plural)} "{name}"' if name else _qualified(group, plural)
    return ApiError(
        403,
        "Forbidden",
        f"{named} is forbidden: {why}",
        details=_details(group, plural, name, causes),
    )


def bad_request(message: str) -> ApiError:
    """The request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """No token, or a wrong one."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str, token: str = "") -> ApiError:
    """A resourceVersion or continue token is older than what is kept; ``token`` leads on."""
    return ApiError(410, "Expired", message, metadata={"continue": token} if token else None)


def gone(oldest: int, asked: int) -> ApiError:
    """A watch asks for events that were dropped."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def method_not_allowed(group: str, plural: str) -> ApiError:
    """The resource knows the path but not this verb."""
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        details=_details(group, plural),
    )


def not_acceptable(message: str) -> ApiError:
    """The Accept header names nothing that can be served."""
    return ApiError(406, "NotAcceptable", message)


def unsupported_media_type(message: str) -> ApiError:
    """The body's Content-Type is none that the endpoint reads."""
    return ApiError(415, "UnsupportedMediaType", message)


def too_many_requests(message: str, retry_after: int, causes: Iterable[Cause] = ()) -> ApiError:
    """Slow down, or (for evictions) a disruption budget forbids it for now.

    Args:
        message: What people read.
        retry_after: Seconds the client should wait; 0 leaves the header out.
        causes: Why, machine-readable.
    """
    details = _details("", "", causes=causes)
    headers = {}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
        headers["Retry-After"] = str(retry_after)
    return ApiError(429, "TooManyRequests", message, details=details, headers=headers)


def server_fault(code: int) -> ApiError:
    """An outage made on request: 500 or 503."""
    if code == 503:
        return ApiError(
            503, "ServiceUnavailable", "the server is currently unable to handle the request"
        )
    return ApiError(code, "InternalError", "Internal error occurred: a fault was asked for")


def not_implemented(what: str) -> ApiError:
    """The practice world has no answer for this; the message names what it was."""
    return ApiError(501, "NotImplemented", f"the practice world does not know {what}")
