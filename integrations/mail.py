"""Sends mail by SMTP. Once: who calls decides when to try again."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from integrations.errors import IntegrationError

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


async def send(server: MailServer, message: EmailMessage) -> None:
    """Hands a mail over.

    Raises:
        MailError: The server was not reached, or did not take it from us or for all recipients.
    """
    import aiosmtplib

    place = f"{server.host}:{server.port}"
    try:
        refused, _ = await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            timeout=TIMEOUT,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            cert_bundle=str(server.ca_file) if server.ca_file else None,
        )
    except aiosmtplib.SMTPAuthenticationError as error:
        raise MailError(
            f"The mail server {place} refuses the login.",
            hint="See username and password.",
            detail=f"{error.code} {error.message}",
        ) from error
    except aiosmtplib.SMTPConnectError as error:
        raise MailError(
            f"The mail server {place} is not reached.",
            hint="See host, port, tls and the certificate.",
            detail=str(error),
        ) from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
        raise MailError(f"The mail server {place} does not take it.", detail=str(error)) from error
    if refused:
        raise MailError(f"The mail server {place} refuses {', '.join(sorted(refused))}.")
