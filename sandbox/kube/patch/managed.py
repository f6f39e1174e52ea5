"""Who owns which field: ``metadata.managedFields`` for ordinary writes and server-side apply.

Follows ``k8s.io/apimachinery/pkg/util/managedfields`` v0.35.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sandbox.kube.errors import ApiError, Cause, apply_conflict
from sandbox.kube.jsonutil import Json, metadata, thaw
from sandbox.kube.patch.fieldset import (
    FieldSet,
    Path,
    compare,
    element_key,
    field_set,
    from_fields_v1,
    to_fields_v1,
)
from sandbox.kube.patch.order import interleave
from sandbox.kube.schema.fields import Field

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOTHING: FieldSet = frozenset()


@dataclass(frozen=True, slots=True)
class Manager:
    """One owner: a name, how it writes (Apply or Update), in which version, through what."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Owned:
    """The fields one owner has, and when it last changed them."""

    fields: FieldSet
    time: str


Owners = dict[Manager, Owned]


def read_owners(obj: Json | None) -> Owners:
    """Read managedFields; entries that cannot be read are left out."""
    owners: Owners = {}
    for entry in metadata(obj).get("managedFields") or () if obj else ():
        if not isinstance(entry.get("fieldsV1"), dict):
            continue
        manager = Manager(
            str(entry.get("manager", "")),
            str(entry.get("operation", "")),
            str(entry.get("apiVersion", "")),
            str(entry.get("subresource", "")),
        )
        owners[manager] = Owned(from_fields_v1(entry["fieldsV1"]), str(entry.get("time", "")))
    return owners


def write_owners(obj: Json, owners: Owners) -> None:
    """Write managedFields, in the order the real server uses."""
    entries = []
    order = sorted(owners.items(), key=lambda kv: (kv[0].operation, kv[1].time, kv[0].name))
    for manager, owned in order:
        entry: Json = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned.fields),
        }
        if manager.subresource != "scale":  # seen on a real server, v1.35: no time there
            entry["time"] = owned.time
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    metadata(obj)["managedFields"] = entries


def record_update(field: Field, old: Json | None, new: Json, writer: Manager, now: str) -> None:
    """Set the managedFields of an ordinary write: what it changed is the writer's alone."""
    given = metadata(new).get("managedFields")
    if isinstance(given, list) and given in ([], [{}]) and old is not None:
        owners: Owners = {}
    else:
        owners = (read_owners(new) if not writer.subresource else {}) or read_owners(old)
    if old is not None and not owners:
        metadata(new).pop("managedFields", None)
        return
    difference = compare(field, _bare(old or {}), _bare(new))
    lost = difference.modified | difference.added | difference.removed
    for manager, owned in list(owners.items()):
        kept = owned.fields - (difference.removed if manager == writer else lost)
        owners[manager] = replace(owned, fields=kept)
    if difference.written:
        mine = owners.get(writer, Owned(_NOTHING, now)).fields
        owners[writer] = Owned(mine | difference.written, now)
    write_owners(new, {m: o for m, o in owners.items() if o.fields})


def owned(obj: Json | None, path: Path) -> bool:
    """Whether anybody owns a field."""
    return any(path in mine.fields for mine in read_owners(obj).values())


def disown(obj: Json, path: Path) -> None:
    """Leave a field to nobody."""
    left = {m: replace(o, fields=o.fields - {path}) for m, o in read_owners(obj).items()}
    write_owners(obj, {m: o for m, o in left.items() if o.fields})


def _bare(obj: Json) -> Json:
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}


def apply_configuration(
    field: Field, live: Json | None, config: Json, writer: Manager, *, force: bool, now: str
) -> Json:
    """Merge an applied configuration into the live object and account for its fields.

    Raises:
        ApiError: 409 naming the other managers, when they own a field that would change and
            ``force`` is not given.
    """
    owners = read_owners(live)
    if live is not None and not owners:
        first = Manager("before-first-apply", "Update", writer.api_version)
        owners[first] = Owned(compare(field, {}, _bare(live)).added, now)
    mine = field_set(field, config)
    merged: Json = _merge(field, live or {}, config)
    before = owners.get(writer, Owned(_NOTHING, now))
    others = [owned.fields for manager, owned in owners.items() if manager != writer]
    gone = before.fields - mine - _NOTHING.union(*others)
    _prune(field, merged, gone, _NOTHING.union(mine, *others))
    difference = compare(field, _bare(live or {}), _bare(merged))
    conflicts = {
        manager: owned.fields & difference.written
        for manager, owned in owners.items()
        if manager != writer and owned.fields & difference.written
    }
    if not force:
        free = _applied_before(field, live) if writer.name == "kubectl" else _NOTHING
        disputed = {manager: fields - free for manager, fields in conflicts.items()}
        disputed = {manager: fields for manager, fields in disputed.items() if fields}
        if disputed:
            raise _conflict_error(disputed, owners)
    lost = difference.written | difference.removed
    for manager, owned in list(owners.items()):
        owners[manager] = replace(owned, fields=owned.fields - lost)
    unchanged = before.fields == mine and not lost and writer in read_owners(live)
    owners[writer] = Owned(mine, before.time if unchanged else now)
    write_owners(merged, {m: o for m, o in owners.items() if o.fields or m == writer})
    return merged


def _applied_before(field: Field, live: Json | None) -> FieldSet:
    """Fields that kubectl applied from the client's side and that nobody changed since."""
    text = ((live or {}).get("metadata", {}).get("annotations") or {}).get(_LAST_APPLIED)
    try:
        applied = json.loads(text) if text else None
    except ValueError:
        applied = None
    if not isinstance(applied, dict):
        return _NOTHING
    since = compare(field, _bare(applied), _bare(live or {}))
    return field_set(field, applied) - since.written - since.removed


def _merge(field: Field | None, live: Any, config: Any) -> Any:
    if isinstance(config, dict) and isinstance(live, dict) and not (field and field.atomic):
        result = thaw(live)
        for name, value in config.items():
            child = field.member(name) if field else None
            if value is None:
                result.pop(name, None)
            elif name in result:
                result[name] = _merge(child, result[name], value)
            else:
                result[name] = thaw(value)
        return result
    lists = isinstance(config, list) and isinstance(live, list)
    if lists and field is not None and field.list_type in ("map", "set"):
        return _merge_list(field, live, config)
    return thaw(config)


def _merge_list(field: Field, live: list[Any], config: list[Any]) -> list[Any]:
    def key(item: Any) -> str:
        return element_key(field, item)

    old = {key(item): item for item in live}
    named = [_merge(field.items, old.get(key(item), {}), item) for item in config]
    wanted = {key(item) for item in config}
    others = [thaw(item) for item in live if key(item) not in wanted]
    return interleave(named, others, list(old), key)


def _prune(field: Field | None, value: Any, gone: FieldSet, kept: FieldSet) -> None:
    """Take the fields in ``gone`` out of ``value`` unless something in ``kept`` is inside."""
    holders = {path[:size] for path in kept for size in range(1, len(path))}
    for path in sorted(gone, key=len):
        if path not in holders and not _names_element(path):
            _remove(field, value, path, holders | kept)


def _names_element(path: Path) -> bool:
    """Whether the field is a key by which its list element is known; it goes only with that."""
    if len(path) < 2 or not path[-2].startswith("k:"):
        return False
    return path[-1][2:] in json.loads(path[-2][2:])


def _remove(field: Field | None, value: Any, path: Path, kept: frozenset[Path] | set[Path]) -> None:
    trail: list[tuple[Any, Any, Path]] = []
    for depth, element in enumerate(path):
        if isinstance(value, dict) and element.startswith("f:"):
            place: Any = element[2:]
            child = field.member(place) if field else None
            if place not in value:
                return
        elif isinstance(value, list) and field is not None:
            found = [i for i, item in enumerate(value) if element_key(field, item) == element]
            if not found:
                return
            place, child = found[0], field.items
        else:
            return
        trail.append((value, place, path[: depth + 1]))
        value, field = value[place], child
    holder, place, _ = trail.pop()
    del holder[place]
    while trail and not holder:
        holder, place, here = trail.pop()
        if here in kept:
            return
        del holder[place]


def _conflict_error(conflicts: dict[Manager, FieldSet], owners: Owners) -> ApiError:
    causes, lines = [], []
    for manager in sorted(conflicts, key=lambda m: m.name):
        who = _print(manager, owners[manager].time)
        places = [_print_path(path) for path in sorted(conflicts[manager])]
        causes += [Cause("FieldManagerConflict", f"conflict with {who}", p) for p in places]
        lines += [f"conflicts with {who}:", *(f"- {place}" for place in places)]
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    return apply_conflict(causes, text)


def _print(manager: Manager, time: str) -> str:
    text = json.dumps(manager.name)
    if manager.subresource:
        text += f" with subresource {json.dumps(manager.subresource)}"
    if manager.operation == "Update":
        text += f" using {manager.api_version}"
        if time:
            text += f" at {time}"
    return text


def _print_path(path: Path) -> str:
    shown = []
    for element in path:
        form, _, rest = element.partition(":")
        if form == "k":
            pairs = ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(rest).items())
            shown.append(f"[{pairs}]")
        elif form == "v":
            shown.append(f"[={rest}]")
        else:
            shown.append(f".{rest}")
    return "".join(shown)
