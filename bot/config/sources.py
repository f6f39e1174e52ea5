"""What overrides the file: environment, systemd credentials, and files that hold one secret.

`ONPREM_SLACK__BOT_TOKEN` in the environment, or a file `slack__bot_token` in systemd's
`$CREDENTIALS_DIRECTORY`, stand for `slack: {bot_token: …}`; the environment wins.
"""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import create_model
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bot.config.models import Config
from bot.place import PREFIX

Finding = tuple[tuple[str, ...], str]
_SLACK = ("bot_token", "app_token", "signing_secret")
_SERVERS = {
    "rancher": ("token",),
    "prometheus": ("token", "password"),
    "alertmanager": ("token", "password"),
}


class _Base(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore")


def overrides() -> dict[str, Any]:
    """Reads environment and credentials, nested like the file.

    Raises:
        SettingsError: If a variable of a nested setting holds no JSON.
    """
    fields: dict[str, Any] = {n: (f.annotation, None) for n, f in Config.model_fields.items()}
    overlay: type[BaseSettings] = create_model("Overlay", __base__=_Base, **fields)
    found: dict[str, Any] = {}
    if directory := os.environ.get("CREDENTIALS_DIRECTORY"):
        found = NestedSecretsSettingsSource(
            SecretsSettingsSource(overlay, secrets_dir=directory),
            secrets_dir=directory,
            secrets_dir_missing="ok",
            secrets_prefix="",
        )()
    return merged(found, EnvSettingsSource(overlay)())


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lays one nested mapping over another; both stay as they are."""
    result = copy.copy(under)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def holders(data: Any) -> Iterator[tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]]:
    """Yields every mapping that may hold secrets: its path, itself, the names of the secrets."""
    slack = data.get("slack")
    if isinstance(slack, dict):
        yield ("slack",), slack, _SLACK
    if isinstance(alerts := data.get("alerts"), dict):
        yield ("alerts",), alerts, ("token",)
        if isinstance(email := alerts.get("email"), dict):
            yield ("alerts", "email"), email, ("password",)
    clusters = data.get("clusters")
    for name, cluster in clusters.items() if isinstance(clusters, dict) else ():
        for kind, secrets in _SERVERS.items() if isinstance(cluster, dict) else ():
            if isinstance(server := cluster.get(kind), dict):
                yield ("clusters", str(name), kind), server, secrets


def read_secret_files(data: dict[str, Any], base: Path) -> Iterator[Finding]:
    """Puts the content of each `…_file` in its place; yields what is wrong with the files."""
    for path, holder, secrets in holders(data):
        for key in secrets:
            named = holder.get(f"{key}_file")
            if not isinstance(named, str) or holder.get(key) is not None:
                continue
            try:
                holder[key] = read_secret(base / Path(named).expanduser())
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                yield (*path, f"{key}_file"), f"{named}: {why}"


def read_secret(file: Path) -> str:
    """Reads a file that holds one secret.

    Raises:
        OSError: If it cannot be read.
        ValueError: If everyone on this host can read it, or it holds no single line of text.
    """
    if exposed(file):
        raise ValueError(f"everyone on this host can read it; run chmod 600 {file}")
    with file.open("rb") as stream:
        content = stream.read(65536)
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None
    if not secret or len(secret.splitlines()) != 1:
        raise ValueError("it must hold one line, the secret")
    return secret


def exposed(file: Path) -> bool:
    """Whether others than owner and group can read or write the file."""
    return bool(file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


__all__ = [
    "PREFIX",
    "SettingsError",
    "exposed",
    "holders",
    "merged",
    "overrides",
    "read_secret_files",
]
