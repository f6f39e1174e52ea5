"""Mail as the second way out: `alerts.email`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from bot.config.base import Model
from bot.config.values import Address, File, Seconds

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class EmailConfig(Model):
    """Where critical troubles are mailed while Slack cannot be told.

    Attributes:
        port: As usual for `tls` when missing.
        tls: `starttls` (demanded, not tried), `tls` from the first byte, or `none`.
        ca_file: Certificates (PEM) to trust instead of the system's.
        sender: Written `from`.
        to: One address, or several.
        after: Seconds that Slack must have been away.
        every: Least seconds between two mails.
    """

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr | None = None
    password_file: File | None = None
    ca_file: File | None = None
    sender: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[Address, ...], BeforeValidator(_listed), Field(min_length=1)]
    after: Seconds = 300
    every: Seconds = 300

    @property
    def at(self) -> int:
        """The port."""
        return self.port or _PORTS[self.tls]
