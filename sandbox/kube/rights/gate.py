"""What every request passes first: who asks, as whom, and whether he may."""

from __future__ import annotations

import hmac

from aiohttp import web

from sandbox.kube import errors
from sandbox.kube.rights import impersonation
from sandbox.kube.rights.attributes import asked, with_verb
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.tokens import Tokens
from sandbox.kube.rights.users import ADMIN, NOBODY, User

_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/livez", "/version"})
_STREAMS = frozenset({"exec"})


class Gate:
    """Lets requests in.

    Args:
        authorizer: Decides.
        tokens: The service accounts'.
        token: The administrator's bearer token; None makes everybody the administrator.
    """

    def __init__(self, authorizer: Authorizer, tokens: Tokens, token: str | None) -> None:
        self._authorizer = authorizer
        self._tokens = tokens
        self._token = token.encode() if token else None

    def enter(self, request: web.Request) -> User:
        """Return who a request acts as.

        Raises:
            ApiError: 401 for nobody known, 403 for what he may not, 400 for half a mask.
        """
        user = self._identify(request)
        mask = impersonation.read(request.headers.items())
        if mask is not None:
            user = impersonation.put_on(self._authorizer, user, mask)
        if not user.master:
            self._admit(user, request)
        return user

    def _identify(self, request: web.Request) -> User:
        if self._token is None:
            return ADMIN
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip() if kind.lower() == "bearer" else ""
        if not given.isascii():
            raise errors.unauthorized()
        if hmac.compare_digest(given.encode(), self._token):
            return ADMIN
        user = self._tokens.user(given) if given else None
        if user is not None:
            return user
        if request.path in _OPEN_PATHS and not given:
            return NOBODY
        raise errors.unauthorized()

    def _admit(self, user: User, request: web.Request) -> None:
        wish = asked(request.method, request.path, request.query)
        self._authorizer.demand(user, wish)
        if wish.subresource in _STREAMS and wish.verb == "get":
            # A WebSocket begins with GET, and changes things as a POST does.
            verdict = self._authorizer.decide(user, with_verb(wish, "create"))
            if not verdict.allowed:
                raise errors.forbidden(wish.group, wish.resource, wish.name, verdict.reason)
