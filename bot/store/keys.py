"""The audit log's keys: a file outside the database, newest key last."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class AuditKey:
    """The key that signs new rows, and the older ones that still verify earlier rows.

    Attributes:
        secret: 32 random bytes.
        older: Former secrets, oldest first.
    """

    secret: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def id(self) -> str:
        """A name for the key that tells nothing about it."""
        return key_id(self.secret)

    @property
    def ring(self) -> dict[str, bytes]:
        """Every key by its name."""
        return {key_id(secret): secret for secret in (*self.older, self.secret)}

    @classmethod
    def load_or_create(cls, path: Path) -> AuditKey:
        """Reads the key file, or makes one with a fresh key (mode 0600).

        Raises:
            StoreUnavailable: If it cannot be read or written, is open to others, or is no key file.
        """
        try:
            return cls._create(path)
        except FileExistsError:
            return cls._load(path)
        except OSError as error:
            raise _trouble(path, error.strerror or str(error)) from error

    @classmethod
    def rotate(cls, path: Path) -> AuditKey:
        """Adds a fresh key to the file; the log notes the change with its next row.

        Raises:
            StoreUnavailable: As `load_or_create`.
        """
        old = cls.load_or_create(path)
        new = cls(secrets.token_bytes(32), (*old.older, old.secret))
        text = "".join(f"{secret.hex()}\n" for secret in (*new.older, new.secret))
        try:
            replace_private(path, text.encode())
        except OSError as error:
            raise _trouble(path, error.strerror or str(error)) from error
        return new

    @classmethod
    def _create(cls, path: Path) -> AuditKey:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(path)
        key = cls(secrets.token_bytes(32))
        replace_private(path, f"{key.secret.hex()}\n".encode())
        return key

    @classmethod
    def _load(cls, path: Path) -> AuditKey:
        try:
            mode = path.stat().st_mode & 0o777
            lines = path.read_text("ascii").split()
            found = [bytes.fromhex(line) for line in lines]
        except OSError as error:
            raise _trouble(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise _trouble(path, "it is not a key file") from error
        if mode & 0o077:
            raise _trouble(path, f"others may read it (mode {mode:04o})", f"Run: chmod 600 {path}")
        if not found or any(len(secret) != 32 for secret in found):
            raise _trouble(path, "it holds no whole key")
        return cls(found[-1], tuple(found[:-1]))


def key_id(secret: bytes) -> str:
    """The name of a key: eight hex digits of a keyed hash of nothing but a label."""
    return hmac.new(secret, b"onprem audit key", hashlib.sha256).hexdigest()[:8]


def replace_private(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes a file (0600) so that it is there whole or not at all.

    Raises:
        OSError: If it cannot be written; the old content stays.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames within a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _trouble(path: Path, why: str, hint: str = "") -> StoreUnavailable:
    return StoreUnavailable(
        f"The audit key {path} cannot be used",
        why=why,
        hint=hint
        or "Mend the file or bring it back from your copy; without it the log cannot be verified",
    )
