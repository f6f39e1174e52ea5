"""A throw-away certificate for the loopback address.

Kubernetes clients send a token only over TLS, and Python's standard library can serve TLS but
not make certificates; so the few bytes of ASN.1 (RFC 5280) and the one ECDSA signature (P-256,
FIPS 186-5) are made here. The key lives for one run of the practice world and guards nothing.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None

_EC_KEY = "1.2.840.10045.2.1"
_CURVE = "1.2.840.10045.3.1.7"
_SIGNATURE = "1.2.840.10045.4.3.2"
_COMMON_NAME = "2.5.4.3"
_VALID_DAYS = 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate, which is also the authority to trust, and its key."""

    certificate_pem: str
    key_pem: str

    def server_context(self) -> ssl.SSLContext:
        """Return what a server needs to answer with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pair.pem"
            path.touch(mode=0o600)
            path.write_text(self.key_pem + self.certificate_pem)
            context.load_cert_chain(path)
        return context


def self_signed(name: str = "sandbox") -> Certificate:
    """Make a certificate for 127.0.0.1 and localhost, valid for 30 days."""
    private = secrets.randbelow(_N - 1) + 1
    public = _encode_point(_multiply(private, _G))
    key_info = _sequence(_sequence(_oid(_EC_KEY), _oid(_CURVE)), _bits(public))
    algorithm = _sequence(_oid(_SIGNATURE))
    who = _sequence(_tag(0x31, _sequence(_oid(_COMMON_NAME), _tag(0x0C, name.encode()))))
    now = datetime.now(UTC)
    validity = _sequence(_time(now - timedelta(days=1)), _time(now + timedelta(days=_VALID_DAYS)))
    body = _sequence(
        _tag(0xA0, _integer(2)),
        _integer(secrets.randbits(120) | 1),
        algorithm,
        who,
        validity,
        who,
        key_info,
        _tag(0xA3, _sequence(*_extensions(public))),
    )
    signature = _sequence(*map(_integer, sign(private, body)))
    signed = _sequence(body, algorithm, _bits(signature))
    key = _sequence(
        _integer(1),
        _tag(0x04, private.to_bytes(32, "big")),
        _tag(0xA0, _oid(_CURVE)),
        _tag(0xA1, _bits(public)),
    )
    return Certificate(_pem("CERTIFICATE", signed), _pem("EC PRIVATE KEY", key))


def _extensions(public: bytes) -> list[bytes]:
    identifier = hashlib.sha1(public, usedforsecurity=False).digest()
    names = _sequence(_tag(0x87, bytes([127, 0, 0, 1])), _tag(0x82, b"localhost"))
    usage = bytes([0x02, 0x84])  # digitalSignature and keyCertSign, two unused bits
    return [
        _extension("2.5.29.19", _sequence(_tag(0x01, b"\xff")), critical=True),
        _extension("2.5.29.15", _tag(0x03, usage), critical=True),
        _extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.1"))),
        _extension("2.5.29.14", _tag(0x04, identifier)),
        _extension("2.5.29.17", names),
    ]


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    marked = [_tag(0x01, b"\xff")] if critical else []
    return _sequence(_oid(oid), *marked, _tag(0x04, value))


# -- ASN.1 in DER ------------------------------------------------------------------------------


def _tag(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tag(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tag(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _tag(0x03, b"\x00" + content)


def _oid(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    content = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return _tag(0x06, bytes(content))


def _time(moment: datetime) -> bytes:
    return _tag(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _pem(label: str, content: bytes) -> str:
    text = base64.encodebytes(content).decode().replace("\n", "")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


# -- ECDSA on P-256 ----------------------------------------------------------------------------


def _add(a: _Point, b: _Point) -> _Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % _P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P) % _P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P) % _P
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _multiply(factor: int, point: _Point) -> tuple[int, int]:
    result: _Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    if result is None:
        raise ValueError("the factor is a multiple of the curve's order")
    return result


def _encode_point(point: tuple[int, int]) -> bytes:
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def sign(private: int, message: bytes) -> tuple[int, int]:
    """Sign with SHA-256; returns the signature's two numbers, 32 bytes each at most."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        once = secrets.randbelow(_N - 1) + 1
        r = _multiply(once, _G)[0] % _N
        s = pow(once, -1, _N) * (digest + r * private) % _N
        if r and s:
            return r, s
