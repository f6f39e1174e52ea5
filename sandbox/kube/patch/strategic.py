"""Strategic merge patch: lists merge by key, with the directives that kubectl and helm write.

Behaviour follows ``k8s.io/apimachinery/pkg/util/strategicpatch``.
"""

from __future__ import annotations

from typing import Any

from sandbox.kube.errors import ApiError, bad_request
from sandbox.kube.jsonutil import Json, thaw
from sandbox.kube.patch.order import interleave
from sandbox.kube.schema.fields import Field

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_patch(original: Json, patch: Json, field: Field | None) -> Json:
    """Return a copy of ``original`` with the patch applied; ``field`` is its schema.

    Raises:
        ApiError: 400 or 500, as in the real server, when a directive makes no sense.
    """
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        replaced: Json = _plain({k: v for k, v in patch.items() if k != _DIRECTIVE})
        return replaced
    if directive == "delete":
        return {}
    if directive is not None:
        raise _unknown(patch)
    result: Json = thaw(original)
    _retain(result, patch)
    _check_orders(patch, field)
    for name, value in patch.items():
        if name in (_DIRECTIVE, _RETAIN) or name.startswith(_ORDER):
            continue
        if name.startswith(_DELETE_PRIMITIVES):
            _delete_primitives(result, name.removeprefix(_DELETE_PRIMITIVES), value)
            continue
        _member(result, name, value, field.member(name) if field else None, patch)
    for name, order in patch.items():
        if name.startswith(_ORDER):
            target = name.removeprefix(_ORDER)
            member = field.member(target) if field else None
            _reorder(result, original, target, order, member)
    return result


def _member(result: Json, name: str, value: Any, member: Field | None, patch: Json) -> None:
    if value is None:
        result.pop(name, None)
        return
    current = result.get(name)
    merging = member is not None and "merge" in member.patch_strategies
    if isinstance(value, dict) and isinstance(current, dict):
        if member is not None and "replace" in member.patch_strategies:
            result[name] = _plain(value)
        else:
            result[name] = strategic_patch(current, value, member)
    elif isinstance(value, list) and merging and member is not None:
        result[name] = _merge_list(current if isinstance(current, list) else [], value, member)
    else:
        result[name] = _plain(value)


def _retain(result: Json, patch: Json) -> None:
    keep = patch.get(_RETAIN)
    if keep is None:
        return
    others = {name for name, value in patch.items() if value is not None and name != _RETAIN}
    others = {name for name in others if not name.startswith((_ORDER, _DELETE_PRIMITIVES))}
    if not isinstance(keep, list) or others - set(map(str, keep)):
        raise bad_request("invalid patch format of retainKeys")
    for name in list(result):
        if name not in keep:
            del result[name]


def _delete_primitives(result: Json, name: str, values: Any) -> None:
    current = result.get(name)
    if isinstance(current, list) and isinstance(values, list):
        result[name] = [item for item in current if item not in values]


def _merge_list(current: list[Any], patch: list[Any], member: Field) -> list[Any]:
    if not all(isinstance(item, dict) for item in patch):
        return [*current, *(item for item in patch if item not in current)]
    key = member.merge_key
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if directive == "merge":
            raise ApiError(500, "", "merging lists cannot yet be specified in the patch")
        if directive not in (None, "replace", "delete"):
            raise _unknown(item)
    if any(item.get(_DIRECTIVE) == "replace" for item in patch):
        return [_plain(item) for item in patch if item.get(_DIRECTIVE) != "replace"]
    result = thaw(current)
    for item in patch:
        if key not in item:
            text = f"map: {_shown(item)} does not contain declared merge key: {key}"
            raise ApiError(500, "", text)
        matches = [i for i, old in enumerate(result) if old.get(key) == item[key]]
        if item.get(_DIRECTIVE) == "delete":
            result = [old for old in result if old.get(key) != item[key]]
        elif matches:
            result[matches[0]] = strategic_patch(result[matches[0]], item, member.items)
        else:
            result.append(_plain(item))
    merged: list[Any] = result
    return merged


def _go_type(value: Any) -> str:
    """The type that Go's JSON reader gives a value which is no list."""
    if isinstance(value, dict):
        return "map[string]interface {}"
    return "string" if isinstance(value, str) else "bool" if isinstance(value, bool) else "int64"


def _unknown(item: Json) -> ApiError:
    return ApiError(500, "", f"unknown patch type: {item[_DIRECTIVE]} in map: {_shown(item)}")


def _shown(item: Json) -> str:
    """A map as Go prints it."""
    return f"map[{' '.join(f'{name}:{item[name]}' for name in sorted(item))}]"


def _check_orders(patch: Json, field: Field | None) -> None:
    """The order of a list names what the patch has of it, in the order in which that stands."""
    for name, order in patch.items():
        target = name.removeprefix(_ORDER)
        if target == name or patch.get(target) is None:
            continue
        items = patch[target]
        for value in (order, items):
            if not isinstance(value, list):
                text = f"expected a []interface {{}}, but received a {_go_type(value)}"
                raise ApiError(500, "", text)
        member = field.member(target) if field else None
        key = member.merge_key if member else ""
        kept = [i for i in items if not (isinstance(i, dict) and i.get(_DIRECTIVE) == "delete")]
        wanted = iter([_identity(item, key) for item in order])
        if order and not all(_identity(item, key) in wanted for item in kept):
            text = f"The order in patch list:\n{items}\n doesn't match {_ORDER} list:\n{order}\n"
            raise ApiError(500, "", text)


def _identity(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else item


def _reorder(result: Json, original: Json, name: str, order: Any, member: Field | None) -> None:
    """Order named elements as the patch says; others keep their place among the old ones."""
    items = result.get(name)
    if not isinstance(items, list) or not isinstance(order, list):
        return
    key = member.merge_key if member else ""
    wanted = [_identity(item, key) for item in order]
    before = [_identity(item, key) for item in original.get(name) or ()]
    named = [i for i in items if _identity(i, key) in wanted]
    named.sort(key=lambda item: wanted.index(_identity(item, key)))
    others = [i for i in items if _identity(i, key) not in wanted]
    result[name] = interleave(named, others, before, lambda item: _identity(item, key))


def _plain(value: Any) -> Any:
    """Copy a new value without directives and without nulls."""
    if isinstance(value, dict):
        return {
            name: _plain(item)
            for name, item in value.items()
            if item is not None and not _is_directive(name)
        }
    if isinstance(value, list):
        return [
            _plain(item)
            for item in value
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "delete")
        ]
    return value


def _is_directive(name: str) -> bool:
    return name in (_DIRECTIVE, _RETAIN) or name.startswith((_ORDER, _DELETE_PRIMITIVES))
