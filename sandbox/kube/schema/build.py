"""Makes ``facts.json.gz`` from the OpenAPI documents that Kubernetes publishes.

    go mod download k8s.io/kubernetes@v1.35.4
    python -m sandbox.kube.schema.build "$(go env GOMODCACHE)/k8s.io/kubernetes@v1.35.4"

Kept are names, types, references, defaults and the ``x-kubernetes-`` marks of the kinds that are
served; no descriptions.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from sandbox.kube.resources import SERVED, Resource
from sandbox.kube.schema.facts import FACTS

_KEEP = frozenset(
    {
        "type",
        "format",
        "items",
        "properties",
        "additionalProperties",
        "$ref",
        "required",
        "allOf",
        "oneOf",
        "anyOf",
        "default",
        "enum",
    }
)


def slim(node: Any, *, names: bool = False) -> Any:
    """Return a schema without prose; ``names``: the keys of ``node`` are field names."""
    if isinstance(node, list):
        return [slim(item) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"allOf", "description", "default"} or set(node) == {"allOf", "description"}:
        return slim(node["allOf"][0])
    kept = {}
    for key, value in node.items():
        if names:
            kept[key] = slim(value)
        elif key in ("default", "required", "enum") or key.startswith("x-kubernetes-"):
            kept[key] = value
        elif key in _KEEP:
            kept[key] = slim(value, names=key == "properties")
    return kept


def _document(folder: Path, resource: Resource) -> Path:
    stem = f"apis__{resource.group}__{resource.version}" if resource.group else "api__v1"
    return folder / f"{stem}_openapi.json"


def build(module: Path) -> dict[str, Any]:
    """Read every served group version below the Kubernetes module's folder."""
    schemas: dict[str, Any] = {}
    for path in sorted({_document(module / "api/openapi-spec/v3", r) for r in SERVED}):
        schemas.update(json.loads(path.read_text())["components"]["schemas"])
    return {name: slim(schema) for name, schema in sorted(schemas.items())}


def main(arguments: list[str]) -> int:
    """Write the facts file; the one argument is the Kubernetes module's folder."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    text = json.dumps(build(Path(arguments[0])), separators=(",", ":"), sort_keys=True)
    FACTS.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{FACTS.name}: {FACTS.stat().st_size} bytes, {len(text)} unpacked")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
