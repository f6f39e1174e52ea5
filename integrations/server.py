"""How an HTTP server of the outside is reached: address, credentials, trust."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """An address and what it takes to be let in.

    Attributes:
        url: Base address, a path prefix included.
        token: Bearer token; wins over `username`.
        username: For basic authentication.
        password: Goes with `username`.
        ca_file: Certificates (PEM) that are trusted instead of the system's.
        verify: Whether the server's certificate is checked at all.
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    verify: bool = True

    @property
    def address(self) -> str:
        """The base address without a slash at its end."""
        return self.url.rstrip("/")

    def headers(self) -> dict[str, str]:
        """The header that says who asks; none without credentials."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def tls(self) -> ssl.SSLContext | bool:
        """What aiohttp takes as `ssl`.

        Raises:
            OSError: `ca_file` cannot be read, or holds no certificate.
        """
        if not self.verify:
            return False
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
