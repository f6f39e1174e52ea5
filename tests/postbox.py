"""A real SMTP server on a free port of the loopback address, for tests."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


class Postbox:
    """Keeps what arrives, from its ``async with`` on.

    Args:
        login: User and password that it asks for.
        tls: With it, STARTTLS is demanded.
        refuse: What it answers to every mail, such as `451 come again`; takes them when empty.
    """

    def __init__(
        self,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        refuse: str = "",
    ) -> None:
        self.refuse = refuse
        self.mails: asyncio.Queue[EmailMessage] = asyncio.Queue()
        self._options: dict[str, Any] = {"hostname": "postbox.test"}
        if login is not None:
            wanted = LoginPassword(login[0].encode(), login[1].encode())
            self._options |= {
                "authenticator": lambda *given: AuthResult(
                    success=given[-1] == wanted, handled=False
                ),
                "auth_required": True,
                "auth_require_tls": tls is not None,
            }
        if tls is not None:
            self._options |= {"tls_context": tls, "require_starttls": True}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Postbox:
        """Listens, again on the same port if it has had one."""
        loop = asyncio.get_running_loop()
        made = await loop.create_server(
            lambda: SMTP(self, loop=loop, **self._options), "127.0.0.1", self.port
        )
        self._server, self.port = made, int(made.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        """Called for each mail; aiosmtpd names it so."""
        if self.refuse:
            return self.refuse
        content = cast("bytes", envelope.content)
        mail = message_from_bytes(content, policy=policy.default)
        await self.mails.put(cast("EmailMessage", mail))
        return "250 kept"

    async def next(self, seconds: float = 20.0) -> EmailMessage:
        """The next mail, waited for."""
        async with asyncio.timeout(seconds):
            return await self.mails.get()
