"""Lists: selection, pages that stay consistent, and the forms a list is sent in."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from sandbox.kube import convert, errors
from sandbox.kube.causes import forbidden, unsupported
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
_MATCHES = ("Exact", "NotOlderThan", "")
_NOW = -1
"""The version in a token that leads on from a place through what is there by then."""


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
        _check_options(query)
        size = number(query, "limit") or 0
        token = query.get("continue", "")
        if token:
            return self._next(token, size, target, query)
        self.check_version(query)
        return self._cut(self._whole(target, query), 0, size, "")

    def _whole(self, target: Target, query: Mapping[str, str], after: str = "") -> _Snapshot:
        items = self._select(target, query)
        if after:
            items = [obj for obj in items if _place(obj) > after]
        # What is left is counted only where no selector makes that dear.
        counted = not (query.get("labelSelector") or query.get("fieldSelector"))
        return _Snapshot(items, self._store.version, counted)

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
        last = _place(whole.items[end - 1])
        token = _token(rv=whole.version, key=key, at=end, start=last)
        return Page(whole.items[start:end], whole.version, token, left if whole.counted else 0)

    def _next(self, token: str, size: int, target: Target, query: Mapping[str, str]) -> Page:
        if query.get("resourceVersion", "0") not in ("", "0"):
            text = "specifying resource version is not allowed when using continue"
            raise errors.bad_request(text)
        try:
            place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            version, last = int(place["rv"]), str(place["start"])
            key, start = str(place.get("key", "")), int(place.get("at", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise errors.bad_request("continue key is not valid") from None
        if version == _NOW:
            return self._cut(self._whole(target, query, last), 0, size, "")
        whole = self._snapshots.get(key)
        if whole is None or whole.version < self._store.log.compacted:
            self._snapshots.pop(key, None)
            raise errors.expired(_EXPIRED, _token(rv=_NOW, start=last))
        self._snapshots.move_to_end(key)
        return self._cut(whole, start, size, key)

    def check_version(self, query: Mapping[str, str]) -> None:
        """Check that the version a read asks for has been.

        Raises:
            ApiError: 504 for one of the future, 400 for what is none, 410 for one that is gone.
        """
        text = query.get("resourceVersion", "")
        match = query.get("resourceVersionMatch", "")
        if text in ("", "0"):
            return
        asked = parse_version(text)
        newest = self._store.version
        if asked > newest:
            raise too_large(asked, newest)
        if match == "Exact" and asked != newest:
            raise errors.expired(f"The provided resource version {asked} is too old to be listed.")


def _place(obj: Json) -> str:
    """Where an object stands in a list; sorts as lists are sorted."""
    meta = obj["metadata"]
    return f"{meta.get('namespace', '')}\0{meta['name']}"


def _token(**place: int | str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", **place})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_version(text: str) -> int:
    """Read a resourceVersion.

    Raises:
        ApiError: 400, when it is no number.
    """
    if not text.isdecimal():
        raise errors.bad_request(f'Invalid value: "{text}": resourceVersion is not a number')
    return int(text)


def _check_options(query: Mapping[str, str]) -> None:
    number(query, "timeoutSeconds")
    found, match = [], query.get("resourceVersionMatch", "")
    if match:
        version = query.get("resourceVersion", "")
        for given, why in (
            (not version, "unless resourceVersion is provided"),
            (query.get("continue"), "when continue is provided"),
        ):
            if given:
                text = f"resourceVersionMatch is forbidden {why}"
                found.append(forbidden("resourceVersionMatch", text))
        if match not in ("Exact", "NotOlderThan"):
            found.append(unsupported("resourceVersionMatch", match, _MATCHES))
        if (match, version) == ("Exact", "0"):
            text = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            found.append(forbidden("resourceVersionMatch", text))
    if "sendInitialEvents" in query:
        found.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if found:
        raise errors.invalid("meta.k8s.io", "ListOptions", "", found)


def invalid_options(field: str, why: str) -> ApiError:
    """List options that do not go together."""
    return errors.invalid("meta.k8s.io", "ListOptions", "", [forbidden(field, why)])


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
