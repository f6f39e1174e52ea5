"""HTTP servers beside a cluster: Prometheus, Alertmanager. An address alone is enough for each."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, model_validator

from bot.config.base import Model
from bot.config.graphs import JobKind
from bot.config.values import File, Url


class ServerConfig(Model):
    """How a server is reached.

    Attributes:
        token: Bearer token; or `username` and `password`.
        ca_file: Certificates (PEM) to trust instead of the system's.
        verify: Whether the server's certificate is checked at all.
    """

    url: Url
    token: SecretStr | None = None
    token_file: File | None = None
    username: str = ""
    password: SecretStr | None = None
    password_file: File | None = None
    ca_file: File | None = None
    verify: bool = True

    @model_validator(mode="before")
    @classmethod
    def _accept_an_address(cls, data: Any) -> Any:
        return {"url": data} if isinstance(data, str) else data


class PrometheusConfig(ServerConfig):
    """A Prometheus.

    Attributes:
        jobs: What its scrape jobs are called where that is not usual, as regular expressions:
            `{node: machines}`.
    """

    jobs: dict[JobKind, str] = {}
