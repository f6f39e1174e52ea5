"""Tokens of service accounts: signed, limited in time, and worth nothing without the account.

Their claims are those of the real ones. They are signed with a key of this server (HS256), which
nobody outside can check; the real server signs with a key pair.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from datetime import timedelta
from typing import Any

from sandbox.kube import errors
from sandbox.kube.causes import invalid
from sandbox.kube.clock import Clock, timestamp
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import SERVICEACCOUNTS
from sandbox.kube.rights.users import AUTHENTICATED, User, account_groups, account_name
from sandbox.kube.store import Store

ISSUER = "https://kubernetes.default.svc"
_DEFAULT_SECONDS = 3600
_SHORTEST = 600
_LONGEST = 1 << 32
_HEADER = {"alg": "HS256", "kid": "practice"}


class Tokens:
    """Makes and reads the tokens of one server."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def answer(self, account: Json, request: Json) -> Json:
        """Answer a ``TokenRequest`` for an account.

        Raises:
            ApiError: 422 for a lifetime that is not allowed; 501 for a token bound to an object.
        """
        spec = request.get("spec") or {}
        if spec.get("boundObjectRef"):
            raise errors.not_implemented("tokens that are bound to an object (boundObjectRef)")
        seconds = spec.get("expirationSeconds")
        seconds = _DEFAULT_SECONDS if seconds is None else seconds
        _check_lifetime(seconds)
        audiences = spec.get("audiences") or [ISSUER]
        meta, now = account["metadata"], self._clock()
        end = now + timedelta(seconds=seconds)
        begin, who = int(now.timestamp()), {"name": meta["name"], "uid": meta["uid"]}
        claims = {
            "aud": audiences,
            "exp": begin + seconds,
            "iat": begin,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {"namespace": meta["namespace"], "serviceaccount": who},
            "nbf": begin,
            "sub": account_name(meta["namespace"], meta["name"]),
        }
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
                "creationTimestamp": timestamp(now),
            },
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {"token": self._signed(claims), "expirationTimestamp": timestamp(end)},
        }

    def user(self, token: str) -> User | None:
        """Return whom a token stands for; None for one that is worth nothing (any more)."""
        claims = self._claims(token)
        if claims is None or ISSUER not in claims["aud"]:
            return None
        if not claims["nbf"] <= self._clock().timestamp() < claims["exp"]:
            return None
        bound = claims["kubernetes.io"]
        namespace, name = bound["namespace"], bound["serviceaccount"]["name"]
        uid = bound["serviceaccount"]["uid"]
        account = self._store.peek(SERVICEACCOUNTS, namespace, name)
        if dig(account, "metadata", "uid") != uid:
            return None
        credential = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        groups = (*account_groups(namespace), AUTHENTICATED)
        return User(account_name(namespace, name), uid, groups, credential)

    def _signed(self, claims: Json) -> str:
        text = f"{_encoded(_dumps(_HEADER))}.{_encoded(_dumps(claims))}"
        return f"{text}.{self._signature(text)}"

    def _signature(self, text: str) -> str:
        return _encoded(hmac.new(self._key, text.encode(), hashlib.sha256).digest())

    def _claims(self, token: str) -> Json | None:
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            return None
        body = text.partition(".")[2]  # ours, so it can be read
        claims: Json = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims


def _check_lifetime(seconds: int) -> None:
    detail = ""
    if seconds < _SHORTEST:
        detail = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST:
        detail = "may not specify a duration larger than 2^32 seconds"
    if detail:
        cause = invalid("spec.expirationSeconds", seconds, detail)
        raise errors.invalid("authentication.k8s.io", "TokenRequest", "", [cause])


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
