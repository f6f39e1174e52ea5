"""Lists: selection, pages that stay consistent, and the forms a list is sent in."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from sandbox.kube import convert, errors
from sandbox.kube.errors import ApiError, Cause
from sandbox.kube.jsonutil import Json
from sandbox.kube.requests import Target, number
from sandbox.kube.selectors import Test, always, field_test, label_test
from sandbox.kube.store import Store

_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """Kept objects of one answer (for reading only), and what the list's metadata says."""

    items: list[Json]
    version: int
    token: str = ""
    remaining: int = 0

    def metadata(self) -> Json:
        """Return the list's metadata."""
        meta: Json = {"resourceVersion": str(self.version)}
        if self.token:
            meta["continue"] = self.token
        if self.remaining:
            meta["remainingItemCount"] = self.remaining
        return meta


@dataclass(frozen=True, slots=True)
class _Snapshot:
    items: list[Json]
    version: int
    counted: bool = True


def selection(target: Target, query: Mapping[str, str]) -> Test:
    """Return the test that an object of a list or watch must pass.

    Raises:
        ApiError: 400, when a selector cannot be read.
    """
    labels = label_test(query.get("labelSelector", ""))
    kept = convert.stored_form(target.resource)
    fields = field_test(query.get("fieldSelector", ""), kept)
    if labels is always:
        return fields
    if fields is always:
        return labels
    return lambda obj: labels(obj) and fields(obj)


class Lister:
    """Reads lists from the store; keeps what unfinished paged lists still need."""

    def __init__(self, store: Store, *, snapshots: int = 64) -> None:
        self._store = store
        self._limit = snapshots
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()

    def page(self, target: Target, query: Mapping[str, str]) -> Page:
        """Return the objects a list request asks for.

        Raises:
            ApiError: 400 for parameters that make no sense; 410 for an expired token or version.
        """
        size = number(query, "limit") or 0
        token = query.get("continue", "")
        if token:
            return self._next(token, size)
        self._check_version(query)
        items = self._select(target, query)
        # What is left is counted only where no selector makes that dear.
        counted = not (query.get("labelSelector") or query.get("fieldSelector"))
        return self._cut(_Snapshot(items, self._store.version, counted), 0, size, "")

    def _select(self, target: Target, query: Mapping[str, str]) -> list[Json]:
        test = selection(target, query)
        found = self._store.scan(convert.stored_form(target.resource), target.namespace)
        if target.name:
            found = [obj for obj in found if obj["metadata"]["name"] == target.name]
        return found if test is always else [obj for obj in found if test(obj)]

    def _cut(self, whole: _Snapshot, start: int, size: int, key: str) -> Page:
        end = start + size if size > 0 else len(whole.items)
        left = max(len(whole.items) - end, 0)
        if not left:
            self._snapshots.pop(key, None)
            return Page(whole.items[start:], whole.version)
        if not key:
            key = uuid4().hex
            self._snapshots[key] = whole
            while len(self._snapshots) > self._limit:
                self._snapshots.popitem(last=False)
        place = json.dumps({"v": "meta.k8s.io/v1", "rv": whole.version, "key": key, "at": end})
        token = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")
        return Page(whole.items[start:end], whole.version, token, left if whole.counted else 0)

    def _next(self, token: str, size: int) -> Page:
        try:
            place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            key, start = str(place["key"]), int(place["at"])
        except (ValueError, KeyError, TypeError):
            raise errors.bad_request("continue key is not valid") from None
        whole = self._snapshots.get(key)
        if whole is None or whole.version < self._store.log.compacted:
            self._snapshots.pop(key, None)
            raise errors.expired(_EXPIRED)
        self._snapshots.move_to_end(key)
        return self._cut(whole, start, size, key)

    def _check_version(self, query: Mapping[str, str]) -> None:
        text = query.get("resourceVersion", "")
        match = query.get("resourceVersionMatch", "")
        if match and not text:
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise invalid_options("resourceVersionMatch", why)
        if text in ("", "0"):
            return
        asked = parse_version(text)
        newest = self._store.version
        if asked > newest:
            raise too_large(asked, newest)
        if match == "Exact" and asked != newest:
            raise errors.expired(f"The provided resource version {asked} is too old to be listed.")


def parse_version(text: str) -> int:
    """Read a resourceVersion.

    Raises:
        ApiError: 400, when it is no number.
    """
    if not text.isdecimal():
        raise errors.bad_request(f'Invalid value: "{text}": resourceVersion is not a number')
    return int(text)


def invalid_options(field: str, why: str) -> ApiError:
    """List options that do not go together."""
    cause = Cause("FieldValueForbidden", f"Forbidden: {why}", field)
    return errors.invalid("meta.k8s.io", "ListOptions", "", [cause])


def too_large(asked: int, newest: int) -> ApiError:
    """A resourceVersion from the future."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {newest}",
        details={"causes": [cause.to_json()], "retryAfterSeconds": 1},
        headers={"Retry-After": "1"},
    )
