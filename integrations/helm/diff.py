"""What a deploy would change, object by object, readable and without secrets."""

from __future__ import annotations

import asyncio
import base64
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from integrations.helm.errors import ChartInvalid, scrub

Object = dict[str, Any]
_Key = tuple[str, str, str, str]

SAME, CHANGED, NEW = "(secret)", "(secret, changed)", "(secret, new)"
CONTEXT = 3
"""Unchanged lines shown around a change."""


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object's difference.

    Attributes:
        change: What happens to the object.
        text: Unified diff without the two file lines.
    """

    kind: str
    namespace: str
    name: str
    change: Literal["added", "removed", "changed"]
    text: str

    @property
    def title(self) -> str:
        """Such as ``StatefulSet parse/parse-mongodb``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else (
            f"{self.kind} {self.name}"
        )  # fmt: skip


async def parse_manifest(manifest: str) -> list[Object]:
    """Parse a manifest's objects in a thread (the loop keeps running).

    Raises:
        ChartInvalid: It is no YAML, or not made of Kubernetes objects.
    """
    return await asyncio.to_thread(_parse, manifest)


async def diff_manifests(
    before: str, after: str, *, namespace: str, secrets: Iterable[str] = ()
) -> list[ObjectDiff]:
    """Compare two manifests; Secrets' content appears only as "changed" or not.

    Args:
        before: What is; empty for a first install.
        after: What would be.
        namespace: The release's, for objects that name none.
        secrets: Values to blank out wherever else a chart may have put them.

    Raises:
        ChartInvalid: One of them is no manifest.
    """
    return await asyncio.to_thread(_diff, before, after, namespace, tuple(secrets))


def _diff(before: str, after: str, namespace: str, secrets: tuple[str, ...]) -> list[ObjectDiff]:
    old, new = _index(_parse(before), namespace), _index(_parse(after), namespace)
    found = []
    for key in sorted(old.keys() | new.keys(), key=lambda k: (k[1], k[2], k[3])):
        was, will = old.get(key), new.get(key)
        if was == will:
            continue
        was, will = _masked(was, will)
        text = scrub(_unified(was, will), secrets)
        change: Literal["added", "removed", "changed"] = (
            "added" if was is None else "removed" if will is None else "changed"
        )
        found.append(ObjectDiff(key[1], key[2], key[3], change, text))
    return found


def _parse(manifest: str) -> list[Object]:
    try:
        documents = list(yaml.load_all(manifest, Loader=_Loader))
    except yaml.YAMLError as exc:
        raise ChartInvalid(
            "The rendered chart is not valid YAML.", hint="Correct the chart.", detail=str(exc)
        ) from exc
    objects: list[Object] = []
    for document in documents:
        if not document:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            raise ChartInvalid("The rendered chart holds something that is no object.")
        objects += document.get("items") or [document]
    return objects


class _Loader(yaml.CSafeLoader):
    """Reads a plain ``=`` as text, as Helm does (PyYAML gives it an old special meaning)."""


_Loader.add_constructor(
    "tag:yaml.org,2002:value",
    lambda loader, node: loader.construct_scalar(node),  # type: ignore[arg-type]
)


def _index(objects: Iterable[Object], namespace: str) -> dict[_Key, Object]:
    return {
        (
            str(o.get("apiVersion", "")).rpartition("/")[0],
            str(o.get("kind")),
            str(o["metadata"].get("namespace") or namespace),
            str(o["metadata"].get("name")),
        ): o
        for o in objects
    }


def _masked(was: Object | None, will: Object | None) -> tuple[Object | None, Object | None]:
    """Replace what must not be shown by markers that still tell a change."""
    sample = will or was or {}
    if sample.get("kind") == "Secret" and sample.get("apiVersion") == "v1":
        return _masked_secret(was, will)
    return was, will


def _masked_secret(was: Object | None, will: Object | None) -> tuple[Object | None, Object | None]:
    old, new = _content(was), _content(will)
    marks = {
        key: SAME if old.get(key) == value else CHANGED if key in old else NEW
        for key, value in new.items()
    }
    return _with_content(was, dict.fromkeys(old, SAME)), _with_content(will, marks)


def _content(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """A Secret's keys with base64 values, whichever way they were written."""
    if secret is None:
        return {}
    content = {str(k): str(v) for k, v in (secret.get("data") or {}).items()}
    for key, value in (secret.get("stringData") or {}).items():
        content[str(key)] = base64.b64encode(str(value).encode()).decode()
    return content


def _with_content(secret: Object | None, content: Mapping[str, str]) -> Object | None:
    if secret is None:
        return None
    meta = dict(secret["metadata"])
    # kubectl keeps a copy of everything it applied in here.
    meta["annotations"] = {
        k: v
        for k, v in (meta.get("annotations") or {}).items()
        if k != "kubectl.kubernetes.io/last-applied-configuration"
    }
    rest = {k: v for k, v in secret.items() if k not in ("data", "stringData", "metadata")}
    return {**rest, "metadata": meta, "data": dict(content)}


def _unified(was: Object | None, will: Object | None) -> str:
    lines = difflib.unified_diff(_yaml(was), _yaml(will), lineterm="", n=CONTEXT)
    return "\n".join(list(lines)[2:])


def _yaml(item: Object | None) -> list[str]:
    if item is None:
        return []
    text: str = yaml.dump(item, Dumper=_Dumper, default_flow_style=False, width=1000)
    return text.splitlines()


class _Dumper(yaml.CSafeDumper):
    """Writes text of several lines, such as a script in a ConfigMap, line by line."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
