"""An object store on loopback, as much of S3 as a download by a signed address needs.

The practice Velero reads and writes it directly; everybody else fetches objects over HTTP from
addresses that are signed and expire. While it is away its port refuses connections.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from aiohttp import web

from sandbox.kube.clock import Clock, utc_now

BUCKET = "velero"


class StoreError(Exception):
    """The store's refusal, in the words in which Velero's plugin passes it on."""


class ObjectStore:
    """Buckets of named bytes.

    Attributes:
        buckets: Bucket → key → content.
        url: Its address, the same for as long as it lives.
    """

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {BUCKET: {}}
        self.url = ""
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._reserved: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        # Bound but not listening: nobody else gets the port while the store is away.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._reserved.bind(("127.0.0.1", port))
        except OSError:
            self._reserved.close()
            raise
        self.url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"
        await self.back()

    async def close(self) -> None:
        """Stop listening and let the port go."""
        await self.away()
        if self._reserved is not None:
            self._reserved.close()

    async def away(self) -> None:
        """Refuse connections; what is stored stays."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def back(self) -> None:
        """Answer again."""
        if self._runner is not None or self._reserved is None:
            return
        app = web.Application()
        app.router.add_get("/{bucket}/{key:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        host, port = self._reserved.getsockname()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()

    @property
    def reachable(self) -> bool:
        """Whether it answers."""
        return self._runner is not None

    def bucket(self, url: str, name: str, action: str = "ListObjectsV2") -> dict[str, bytes]:
        """Return a bucket's content, for reading and writing.

        Args:
            url: The address by which somebody looks for the store.
            name: The bucket.
            action: What is to be done there, for the refusal.

        Raises:
            StoreError: Nobody answers there, or there is no such bucket.
        """
        head = f"rpc error: code = Unknown desc = operation error S3: {action}"
        if url != self.url or not self.reachable:
            host = url.partition("://")[2] or url
            raise StoreError(
                f"{head}, exceeded maximum number of attempts, 3, https response error "
                "StatusCode: 0, RequestID: , HostID: , request send failed, "
                f'Get "{url}/{name}?delimiter=%2F&list-type=2&prefix=": dial tcp {host}: '
                "connect: connection refused"
            )
        if name not in self.buckets:
            raise StoreError(
                f"{head}, https response error StatusCode: 404, RequestID: {_request_id()}, "
                f"HostID: {secrets.token_hex(32)}, NoSuchBucket: The specified bucket does not "
                "exist"
            )
        return self.buckets[name]

    def signed_url(self, bucket: str, key: str, lives: timedelta) -> str:
        """Return an address from which an object can be fetched for a while."""
        now = self._clock().strftime("%Y%m%dT%H%M%SZ")
        path = f"/{bucket}/{quote(key)}"
        fields = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"practice/{now[:8]}/practice/s3/aws4_request",
            "X-Amz-Date": now,
            "X-Amz-Expires": str(int(lives.total_seconds())),
            "X-Amz-SignedHeaders": "host",
        }
        fields["X-Amz-Signature"] = self._signature(path, fields)
        return f"{self.url}{path}?{urlencode(fields)}"

    def _signature(self, path: str, fields: dict[str, str]) -> str:
        text = f"{path}?{urlencode(fields)}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        fields = dict(request.query)
        given = fields.pop("X-Amz-Signature", "")
        path = f"/{request.match_info['bucket']}/{quote(request.match_info['key'])}"
        if not hmac.compare_digest(given, self._signature(path, fields)):
            return _refusal(403, "SignatureDoesNotMatch", "The signature does not match.")
        began = datetime.strptime(f"{fields['X-Amz-Date']}+0000", "%Y%m%dT%H%M%SZ%z")
        if self._clock() > began + timedelta(seconds=int(fields["X-Amz-Expires"])):
            return _refusal(403, "AccessDenied", "Request has expired")
        objects = self.buckets.get(request.match_info["bucket"], {})
        found = objects.get(request.match_info["key"])
        if found is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        return web.Response(body=found, content_type="application/octet-stream")


def _request_id() -> str:
    return secrets.token_hex(8).upper()


def _refusal(status: int, code: str, message: str) -> web.Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return web.Response(text=text, status=status, content_type="application/xml")
