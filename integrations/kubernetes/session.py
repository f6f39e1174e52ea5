"""The SDK's client of one cluster: loaded at first use, and anew when credentials are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from integrations.kubernetes import sdk
from integrations.kubernetes.errors import ClusterConfigError

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient, Configuration

SHARED_FAILURE = 1.0
"""Seconds for which an unusable access is not tried again."""
RENEWAL_PAUSE = 10.0
"""Seconds between two reloads of refused credentials."""


class Session:
    """Keeps the client and its connections.

    Args:
        access: How the cluster is reached.
    """

    def __init__(self, access: sdk.Access) -> None:
        self._access = access
        self._client: ApiClient | None = None
        self._retired: list[ApiClient] = []
        self._renewed: float | None = None
        self._unusable: tuple[float, ClusterConfigError] | None = None
        self._lock = asyncio.Lock()

    @property
    def address(self) -> str:
        """The API server's address, empty before the first use."""
        return str(self._client.configuration.host) if self._client else ""

    async def close(self) -> None:
        """Close all connections."""
        for client in (*self._retired, *filter(None, [self._client])):
            await client.close()  # type: ignore[no-untyped-call]
        self._client, self._retired = None, []

    async def client(self) -> ApiClient:
        """The SDK client, loaded on first use."""
        async with self._lock:
            if self._client is None:
                self._client = sdk.api_client(await self._configuration())
            return self._client

    async def _configuration(self) -> Configuration:
        """Load the access; those who waited for a failure meanwhile share it."""
        now = asyncio.get_running_loop().time
        if self._unusable is not None and now() - self._unusable[0] < SHARED_FAILURE:
            known = self._unusable[1]
            raise ClusterConfigError(known.message, hint=known.hint, detail=known.detail)
        try:
            return await sdk.configuration(self._access)
        except ClusterConfigError as error:
            self._unusable = now(), error
            raise

    async def renew(self, used: ApiClient) -> bool:
        """Load the credentials anew, unless somebody did since ``used`` was handed out.

        Returns:
            False when they were loaded a moment ago: trying again would only run the login
            plugin for every request.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._client is not used:
                return True
            if self._renewed is not None and now - self._renewed < RENEWAL_PAUSE:
                return False
            self._renewed = now
            fresh = sdk.api_client(await self._configuration())
            for client in self._retired:
                await client.close()  # type: ignore[no-untyped-call]
            # Requests of other tasks may still use it; it goes with the next renewal.
            self._client, self._retired = fresh, [used]
            return True
