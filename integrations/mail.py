"""Sends mail by SMTP. Once: who calls decides when to try again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from integrations.errors import IntegrationError

if TYPE_CHECKING:
    import aiosmtplib

TIMEOUT = 20.0
"""Seconds for each answer of the server."""

Tls = Literal["starttls", "tls", "none"]


class MailError(IntegrationError):
    """A mail was not taken."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over.

    Attributes:
        tls: `starttls` asks for it after the greeting and goes no further without it.
        username: Empty to send without a login.
        ca_file: Certificates (PEM) that are trusted instead of the system's.
    """

    host: str
    port: int
    tls: Tls
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


async def send(server: MailServer, message: EmailMessage) -> None:
    """Hands a mail over.

    Raises:
        MailError: The server was not reached, or did not take it from us or for all recipients.
    """
    async with _session(server) as client:
        refused, _ = await client.send_message(message)
    if refused:
        raise MailError(f"The mail server {server.place} refuses {', '.join(sorted(refused))}.")


async def greet(server: MailServer) -> None:
    """Connects and logs in, and sends nothing.

    Raises:
        MailError: The server was not reached, or refuses us.
    """
    async with _session(server):
        pass


@asynccontextmanager
async def _session(server: MailServer) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection, encrypted and logged in; what goes wrong within becomes a `MailError`."""
    import aiosmtplib

    try:
        async with aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            timeout=TIMEOUT,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            cert_bundle=str(server.ca_file) if server.ca_file else None,
        ) as client:
            yield client
    except aiosmtplib.SMTPAuthenticationError as error:
        raise MailError(
            f"The mail server {server.place} refuses the login.",
            hint="See username and password.",
            detail=f"{error.code} {error.message}",
        ) from error
    except aiosmtplib.SMTPConnectError as error:
        raise MailError(
            f"The mail server {server.place} is not reached.",
            hint="See host, port, tls and the certificate.",
            detail=str(error),
        ) from error
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise MailError(
            f"The mail server {server.place} does not take it.", detail=str(error)
        ) from error
