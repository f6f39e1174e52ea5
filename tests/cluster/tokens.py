"""Service account tokens that no API server would hand out, signed with the lab's own key.

TokenRequest gives nothing that ends within ten minutes; a test of an expired token cannot wait.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from sandbox.kube.tls import sign


def expired(token: str, key: Path, *, since: float = 3600.0) -> str:
    """Return the same token as it would be when it had ended ``since`` seconds ago.

    Args:
        token: A valid one, as TokenRequest gives it (a JWT, RFC 7519).
        key: What the API server signs with: an EC key as ``self_signed`` writes it.
        since: Seconds.
    """
    header, body, _ = token.split(".")
    claims: dict[str, Any] = json.loads(_decoded(body))
    end = int(time.time() - since)
    claims |= {"iat": end - 3600, "nbf": end - 3600, "exp": end}
    signed = f"{header}.{_encoded(json.dumps(claims).encode())}"
    numbers = sign(_private(key), signed.encode())
    return f"{signed}.{_encoded(b''.join(n.to_bytes(32, 'big') for n in numbers))}"


def _private(key: Path) -> int:
    """The secret number of an ``EC PRIVATE KEY`` (RFC 5915): version, then 32 bytes."""
    lines = key.read_text(encoding="utf-8").splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    if der[2:7] != bytes((0x02, 0x01, 0x01, 0x04, 0x20)):
        raise ValueError(f"{key} is not an EC key on P-256")
    return int.from_bytes(der[7:39], "big")


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
