"""From what the configuration calls a chart to what helm can be given."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import Refused

if TYPE_CHECKING:
    from bot.config import AppConfig

BUILT_IN = "builtin:"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready for helm.

    Attributes:
        ref: Directory, archive, `oci://…` or URL.
        version: The version asked for, of charts that are not local; None for the newest.
        repo: Address of a chart repository, or None.
        digest: Of its content; for a chart that is not local, of reference and version.
        title: `parse-server 0.1.0` when its metadata is at hand, else the reference.
        app_version: What the chart deploys unless told otherwise; empty when unknown.
        defaults: Its values.yaml; empty when unknown.
    """

    ref: str
    version: str | None
    repo: str | None
    digest: str
    title: str
    app_version: str
    defaults: Mapping[str, Any]

    @property
    def known(self) -> bool:
        """Whether its files are at hand."""
        return bool(self.app_version or self.defaults)


async def find_chart(app: AppConfig, version: str | None = None) -> Chart:
    """Finds an app's chart.

    Args:
        app: The app.
        version: The chart version wanted; the configured one when None.

    Raises:
        Refused: If a local chart is not there, or another version of it is asked for.
    """
    from bot.data import shipped
    from integrations.helm.chart import chart_digest

    ref, wanted = app.chart, version or app.chart_version
    if ref.startswith(BUILT_IN):
        ref = str(shipped("charts", ref.removeprefix(BUILT_IN)))
    remote = app.repo is not None or "://" in ref
    if remote:
        digest = await chart_digest(f"{app.repo}/{ref}" if app.repo else ref, wanted)
        return Chart(ref, wanted, app.repo, digest, ref.rsplit("/", 1)[-1], "", {})
    meta, defaults = await asyncio.to_thread(_read, Path(ref))
    if wanted and meta.get("version") not in (None, wanted):
        raise Refused(
            f"Chart {meta.get('name')} is not there in version {wanted}",
            why=f"its folder holds {meta.get('version')}",
            hint="Leave --chart-version out, or put that chart there",
        )
    title = f"{meta.get('name', Path(ref).name)} {meta.get('version', '')}".strip()
    return Chart(
        ref, None, None, await chart_digest(ref), title, str(meta.get("appVersion", "")), defaults
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import yaml

    if path.is_file():
        return {"name": path.name}, {}
    try:
        meta = yaml.load((path / "Chart.yaml").read_bytes(), Loader=yaml.CSafeLoader)
        values = path / "values.yaml"
        text = values.read_bytes() if values.exists() else b"{}"
        defaults = yaml.load(text, Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise Refused(
            "The chart cannot be read",
            why=f"{path}: {error}".splitlines()[0],
            hint="Correct `chart` of the app in the configuration",
        ) from error
    return dict(meta or {}), dict(defaults or {})


async def base_values(app: AppConfig) -> dict[str, Any]:
    """The app's values by the configuration: its values files in order, then `values`.

    Raises:
        Refused: If a file cannot be read.
    """
    from bot.releases.values import merge, put

    layers = [await asyncio.to_thread(_values_file, path) for path in app.values_files]
    values = merge(*layers, app.values)
    if app.credentials is not None:
        values = put(values, app.credentials.value, app.credentials.secret)
    return dict(values)


def _values_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        loaded = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        why = f"{path}: {error}".splitlines()[0]
        raise Refused("A values file cannot be read", why=why, hint="Correct it") from error
    if not isinstance(loaded, dict | None):
        raise Refused("A values file cannot be used", why=f"{path} holds no mapping")
    return dict(loaded or {})
