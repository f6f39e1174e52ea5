"""Makes ``messages.json.gz``: how the served kinds are written as protobuf.

    go mod download k8s.io/api@v0.35.4 k8s.io/apimachinery@v0.35.4
    python -m sandbox.kube.schema.build_messages "$(go env GOMODCACHE)/k8s.io"

Read are the struct tags of the Go types, which name the number, the JSON name and the Go type of
every field. A field becomes ``[name, form, flags]``; flags: ``r`` repeated, ``m`` a map, ``p`` a
pointer (its zero means something), ``i`` inlined into its parent.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

from sandbox.kube.resources import SERVED
from sandbox.kube.schema.facts import MESSAGES, Message, package_of

_VERSION = "v0.35.4"
_META = "meta/v1"
_EXTRA = (
    f"{_META}.DeleteOptions",
    "authentication/v1.TokenRequest",
    "autoscaling/v1.Scale",
    "policy/v1.Eviction",
)
_SPECIAL = {
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intstr",
    "runtime.RawExtension": "json",
    "types.UID": "string",
    "types.NodeName": "string",
    f"{_META}.Time": "time",
    f"{_META}.MicroTime": "microtime",
    f"{_META}.FieldsV1": "json",
}
_BASIC = frozenset({"string", "bool", "int", "int32", "int64", "bytes"})
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.S | re.M)
_ALIAS = re.compile(r"^type (\w+) ([\w.\[\]]+)$", re.M)
_FIELD = re.compile(r"^\t(?:\w+\s+)?(\S+)\s+`([^`]*)`", re.M)
_IMPORT = re.compile(r'^\t(?:(\w+) )?"k8s\.io/(?:api|apimachinery/pkg/apis)/(\w+/\w+)"', re.M)


class Reader:
    """Reads Go packages into messages."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._structs: dict[str, tuple[str, dict[str, str]]] = {}
        self._aliases: dict[str, tuple[str, dict[str, str]]] = {}

    def load(self, package: str) -> None:
        """Read the types of one package."""
        folder = self._root / f"api@{_VERSION}" / package
        if package == _META:
            folder = self._root / f"apimachinery@{_VERSION}/pkg/apis" / package
        for path in sorted(folder.glob("*types.go")):
            text = path.read_text()
            imports = {
                alias or place.split("/")[1]: place for alias, place in _IMPORT.findall(text)
            }
            imports[""] = package
            for name, body in _STRUCT.findall(text):
                self._structs[f"{package}.{name}"] = (body, imports)
            for name, target in _ALIAS.findall(text):
                self._aliases[f"{package}.{name}"] = (target, imports)

    def message(self, name: str) -> Message:
        """Return the fields of one struct by their numbers."""
        body, imports = self._structs[name]
        fields: Message = {}
        for kind, tags in _FIELD.findall(body):
            number = re.search(r'protobuf:"\w+,(\d+),', tags)
            json_name = re.search(r'json:"([^",]*)', tags)
            if number is None or json_name is None:
                continue
            form, flags = self._form(kind, imports)
            if form:
                flags += "" if json_name[1] else "i"
                fields[number[1]] = [json_name[1], form, flags]
        return fields

    def _form(self, kind: str, imports: dict[str, str]) -> tuple[str, str]:
        if kind.startswith("*"):
            form, flags = self._form(kind[1:], imports)
            return form, flags + "p"
        if kind == "[]byte":
            return "bytes", ""
        if kind.startswith("[]"):
            return self._form(kind[2:], imports)[0], "r"
        if kind.startswith("map["):
            return self._form(kind.partition("]")[2], imports)[0], "m"
        if kind in _BASIC:
            return ("int" if kind.startswith("int") else kind), ""
        prefix, _, local = kind.rpartition(".")
        name = f"{imports.get(prefix, prefix)}.{local}"
        if name in _SPECIAL:
            return _SPECIAL[name], ""
        if name in self._aliases:
            target, where = self._aliases[name]
            return ("", "") if target.startswith("[]") else self._form(target, where)
        return (name if name in self._structs else ""), ""


def build(root: Path) -> dict[str, Message]:
    """Read every message that the served kinds are made of."""
    stored = [r for r in SERVED if r.group != "apiextensions.k8s.io"]
    packages = {package_of(r.group, r.version) for r in stored} | {_META}
    reader = Reader(root)
    for package in sorted(packages):
        reader.load(package)
    waiting = [f"{package_of(r.group, r.version)}.{r.kind}" for r in stored]
    waiting += _EXTRA
    found: dict[str, Message] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = reader.message(name)
        waiting += [form for _, form, _ in found[name].values() if "." in form]
    return found


def main(arguments: list[str]) -> int:
    """Write the file; the one argument is the folder of the ``k8s.io`` modules."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    found = build(Path(arguments[0]))
    text = json.dumps(found, separators=(",", ":"), sort_keys=True)
    MESSAGES.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{MESSAGES.name}: {len(found)} messages, {MESSAGES.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
