"""How many pods the workload of an alert should have, where the bot knows it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from bot.data import shipped
from bot.releases.charts import BUILT_IN
from bot.releases.targets import apps_on
from bot.releases.values import get
from bot.store import overrides

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import AppConfig, Config

MOST = 1000


def sizes(db: Database, config: Config, cluster: str, namespace: str) -> dict[str, int]:
    """Workload → its size by the last `scale`, the configuration, or the shipped chart.

    Args:
        db: Holds what `scale` and `--set` made of it.
        config: The configuration.
        cluster: Where.
        namespace: Only of apps that live there.
    """
    found: dict[str, int] = {}
    for app in apps_on(config, cluster):
        if not namespace or app.namespace != namespace:
            continue
        kept = overrides.current(db, cluster, app.name)
        for alias in app.config.aliases.values():
            path = alias.replicas_value
            layers = [kept.replicas.get(alias.workload), kept.values.get(path) if path else None]
            size = next((one for one in layers if one is not None), None)
            if size is None and path:
                size = _configured(app.config, path)
            if isinstance(size, int) and not isinstance(size, bool) and 0 < size <= MOST:
                found[alias.workload] = size
    return found


def _configured(app: AppConfig, path: str) -> Any:
    """A value by the configuration; None where files that are not read here may say otherwise."""
    size = get(app.values, path)
    if size is not None or app.values_files or not app.chart.startswith(BUILT_IN):
        return size
    return get(_shipped_values(app.chart.removeprefix(BUILT_IN)), path)


@lru_cache(maxsize=8)
def _shipped_values(chart: str) -> Mapping[str, Any]:
    text = shipped("charts", chart, "values.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    return found if isinstance(found, dict) else {}
