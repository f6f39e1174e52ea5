"""Helm's arguments, input and environment: checked, and never a secret among the arguments."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.helm.names import checked_argument, checked_namespace, checked_release

Values = Mapping[str, Any]


def upgrade(
    release: str,
    chart: str | Path,
    version: str | None,
    namespace: str,
    repo: str | None,
    options: list[str],
) -> list[str]:
    """`helm upgrade --install`, with the values on standard input."""
    command = ["upgrade", checked_release(release), checked_argument(str(chart), "chart")]
    command += ["--install", *in_namespace(namespace), *options]
    if version is not None:
        command += ["--version", checked_argument(version, "chart version")]
    if repo is not None:
        command += ["--repo", checked_argument(repo, "chart repository")]
    return [*command, "--values", "-"]


def in_namespace(namespace: str) -> list[str]:
    """The option that names a namespace."""
    return ["--namespace", checked_namespace(namespace)]


def stdin(values: Values) -> bytes:
    """Values as helm reads them from standard input."""
    return json.dumps(dict(values)).encode()


def environment() -> dict[str, str]:
    """Our environment without what is only ours (tokens among it)."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "ONPREM_"))}
