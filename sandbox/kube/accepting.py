"""Whether the body of a write is what its path says, with fields that are known."""

from __future__ import annotations

import json
from typing import Any

from sandbox.kube import errors
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, metadata
from sandbox.kube.media import Body
from sandbox.kube.requests import Target, WriteOptions
from sandbox.kube.resources import Resource
from sandbox.kube.schema.strict import check


def addressed(target: Target, obj: Json) -> Json:
    """Check that an object is what and where the path says, and fill that in.

    Raises:
        ApiError: It is not.
    """
    resource = target.resource
    given = (obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind)
    if given[1] != resource.kind:
        raise errors.bad_request(
            f"{given[1]} in version {given[0]!r} cannot be handled as a {resource.kind}: "
            f"no kind {given[1]!r} is registered for this path"
        )
    if given[0] != resource.api_version:
        raise errors.bad_request(
            f"the API version in the data ({given[0]}) does not match the expected API "
            f"version ({resource.api_version})"
        )
    meta = metadata(obj)
    if resource.namespaced and target.namespace:
        if meta.get("namespace") not in (None, "", target.namespace):
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on "
                "the request"
            )
        meta["namespace"] = target.namespace
    if target.name:
        if meta.get("name") not in (None, "", target.name):
            raise errors.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the "
                f"URL ({target.name})"
            )
        meta["name"] = target.name
    return obj


def check_fields(
    field: Any, resource: Resource, obj: Json, body: Body, options: WriteOptions
) -> tuple[str, ...]:
    """Take unknown fields out; refuse or warn about them as the client asked.

    Args:
        field: The schema of such objects.
        resource: What they are.
        obj: Read from `body`.
        body: As it came.
        options: Say how strict to be.

    Returns:
        Warnings.

    Raises:
        ApiError: A field has a wrong type, or is unknown and that is not allowed.
    """
    found = check(field, obj, resource.kind, prune=True)
    prefix = (
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
    )
    if found.wrong:
        raise errors.bad_request(prefix + found.wrong[0])
    doubled = [f'duplicate field "{place}"' for place in body.duplicates if place]
    sentences = [*doubled, *found.unknown]
    if sentences and options.validation == "Strict":
        raise errors.bad_request(f"{prefix}strict decoding error: {', '.join(sentences)}")
    if not resource.custom:
        _drop_nulls(obj)
    return tuple(sentences) if options.validation == "Warn" else ()


def check_patched(
    field: Any, resource: Resource, patched: Json, body: Body, options: WriteOptions
) -> tuple[str, ...]:
    """Do the same with what a patch made; refusals are worded otherwise then."""
    found = check(field, patched, resource.kind, prune=True)
    doubled = [f'duplicate field "{place}"' for place in body.duplicates if place]
    sentences = [*doubled, *found.unknown]
    strict = f"strict decoding error: {', '.join(sentences)}"
    if found.wrong:
        strict, sentences = found.wrong[0], found.wrong
    if found.wrong or (sentences and options.validation == "Strict"):
        value = json.dumps(body.value, separators=(",", ":"))
        cause = Cause("FieldValueInvalid", f"Invalid value: {value}: {strict}", "patch")
        raise errors.invalid("", "", "", [cause])
    return tuple(sentences) if options.validation == "Warn" else ()


def _drop_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for name in [name for name, item in value.items() if item is None]:
            del value[name]
        for item in value.values():
            _drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            _drop_nulls(item)
