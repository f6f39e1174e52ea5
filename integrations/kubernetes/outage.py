"""Words for a cluster that does not answer, or cannot be believed, or not by us."""

from __future__ import annotations

import base64
import json
import re
import ssl
from datetime import UTC, datetime

import aiohttp

from integrations.kubernetes.errors import ClusterUnreachable, ClusterUntrusted, Forbidden
from integrations.kubernetes.refusals import HOLDS

_FAILED_CHECK = re.compile(r"^\[-\](\S+) failed", re.MULTILINE)

# Numbers of OpenSSL's verification results (x509_vfy.h).
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64


def unreachable(
    cluster: str, address: str, act: str, exc: BaseException, *, write: bool
) -> ClusterUnreachable:
    """The error for a connection that failed.

    Args:
        cluster: Its name, for the sentence.
        address: The API server's.
        act: What was tried.
        exc: What the connection said.
        write: Whether the request could have changed something.
    """
    where = f"Cluster {cluster} at {address}"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return _untrusted(where, exc.certificate_error)
    connecting = isinstance(
        exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | ConnectionError
    )
    if connecting and not isinstance(exc, aiohttp.ServerDisconnectedError):
        return ClusterUnreachable(
            f"{where} cannot be reached: {_why(exc)}.",
            hint="Check that the API server runs and that this host can reach it.",
            detail=f"{act}: {exc!r}",
        )
    return ClusterUnreachable(
        f"{where} stopped answering (“{act}”): {_why(exc)}.",
        hint=_after(write) or "Check that the API server runs and that this host can reach it.",
        detail=repr(exc),
        maybe_done=write,
    )


def slow(
    cluster: str, act: str, seconds: float, failed: tuple[str, ...], *, write: bool
) -> ClusterUnreachable:
    """The error for an API server that is there, but did not answer this request in time.

    Args:
        cluster: Its name, for the sentence.
        act: What was tried.
        seconds: How long it was waited for.
        failed: Names of the server's own health checks that fail.
        write: Whether the request could have changed something.
    """
    waited = f"no answer to “{act}” in {seconds:.0f} seconds"
    if any(name.startswith("etcd") for name in failed):
        what = f"The API server of cluster {cluster} answers, but its store does not"
        next_ = "Look at etcd on the control plane: its disk, its members, its logs."
    else:
        ill = f", and its checks {', '.join(failed)} fail" if failed else ""
        what = f"The API server of cluster {cluster} runs, but is too slow{ill}"
        next_ = "Try again in a minute; if it lasts, look at the load on the control plane."
    return ClusterUnreachable(
        f"{what}: {waited}.",
        hint=" ".join(filter(None, (_after(write), next_))),
        maybe_done=write,
    )


def unready(cluster: str, failed: tuple[str, ...]) -> ClusterUnreachable:
    """The error for an API server that itself says that it is not ready."""
    if any(name.startswith("etcd") for name in failed):
        return ClusterUnreachable(
            f"The API server of cluster {cluster} answers, but its store does not.",
            hint="Look at etcd on the control plane: its disk, its members, its logs.",
        )
    return ClusterUnreachable(
        f"The API server of cluster {cluster} is not ready: {', '.join(failed)}.",
        hint="Wait a minute if it has just started; else look at its log.",
    )


def ending(cluster: str, namespace: str, error: Forbidden) -> Forbidden:
    """The error for a refusal in a namespace whose deletion has taken our rights with it."""
    return Forbidden(
        f"Cluster {cluster} is deleting namespace {namespace}, "
        "and the bot's rights in it are gone already.",
        status=error.status,
        reason=error.reason,
        hint=HOLDS.format(namespace),
        detail=error.detail,
    )


def failed_checks(body: str) -> tuple[str, ...]:
    """Names of the checks that fail, from the answer to ``/readyz?verbose``."""
    return tuple(_FAILED_CHECK.findall(body))


def expiry(authorization: str, now: datetime) -> str:
    """When a token ended, in words; empty when it has not, or does not tell.

    Args:
        authorization: ``Bearer`` and the token; only a JWT (RFC 7519) tells.
        now: The time.
    """
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        end = datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return ""
    return f"the token expired on {end:%Y-%m-%d at %H:%M} UTC" if end <= now else ""


def _untrusted(where: str, why: BaseException) -> ClusterUntrusted:
    code = why.verify_code if isinstance(why, ssl.SSLCertVerificationError) else 0
    said, hint = {
        _EXPIRED: (
            "its certificate has expired",
            "Renew the API server's certificate, or correct this host's clock.",
        ),
        _NOT_YET: ("its certificate is not valid yet", "Correct this host's clock."),
        _WRONG_NAME: _OTHER_NAME,
        _WRONG_ADDRESS: _OTHER_NAME,
    }.get(code, _UNKNOWN_AUTHORITY)
    return ClusterUntrusted(f"{where} is not trusted: {said}.", hint=hint, detail=repr(why))


_OTHER_NAME = (
    "its certificate is for another name",
    "Correct the server's address or tls-server-name in the kubeconfig.",
)
_UNKNOWN_AUTHORITY = (
    "its certificate is not signed by the authority in the kubeconfig",
    "Put the cluster's own CA into certificate-authority of the kubeconfig. If that is right "
    "already, somebody else answers at this address.",
)


def _after(write: bool) -> str:
    return "The change may have arrived; look before repeating it." if write else ""


def _why(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return (exc.os_error.strerror or str(exc.os_error)).lower()
    return str(exc) or type(exc).__name__
