"""Create, update and patch as the API does them, from decoded bodies to kept objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.kube import convert, errors, validation
from sandbox.kube.accepting import addressed, check_fields, check_patched
from sandbox.kube.clock import timestamp
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, metadata, thaw
from sandbox.kube.media import Body, object_body
from sandbox.kube.patch.managed import Manager, apply_configuration, disown, owned, record_update
from sandbox.kube.patch.merge import json_patch, merge_patch
from sandbox.kube.patch.strategic import strategic_patch
from sandbox.kube.requests import Target, WriteOptions
from sandbox.kube.rights.attributes import Attributes
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.grants import check_grant
from sandbox.kube.scaling import scale_of, wanted_replicas
from sandbox.kube.schema.fields import Schemas
from sandbox.kube.schema.strict import check
from sandbox.kube.store import Store

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

_UNTYPED = "failed to create typed patch object"
_REPLICAS = ("f:spec", "f:replicas")


def is_patch(content_type: str) -> bool:
    """Whether a Content-Type is one that the API reads patches in."""
    return content_type.partition(";")[0].strip() in (APPLY, JSON_PATCH, MERGE, STRATEGIC)


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write: the object as the client sees it, and warnings to send along."""

    object: Json
    warnings: tuple[str, ...] = ()
    created: bool = False


class Writer:
    """All writes that come through HTTP; the store does the keeping."""

    def __init__(self, store: Store, schemas: Schemas, authorizer: Authorizer) -> None:
        self._store = store
        self._schemas = schemas
        self._authorizer = authorizer

    # -- create and update -----------------------------------------------------------------

    def create(self, target: Target, body: Body, options: WriteOptions) -> Written:
        """Create the object in ``body``.

        Raises:
            ApiError: As the real server refuses.
        """
        obj = object_body(body)
        warnings = self._accepted(target, obj, body, options)
        return self._create(target, addressed(target, obj), options, warnings)

    def _create(
        self,
        target: Target,
        obj: Json,
        options: WriteOptions,
        warnings: tuple[str, ...] = (),
        *,
        accounted: bool = False,
    ) -> Written:
        kept = convert.stored_form(target.resource)
        obj = convert.to_stored(target.resource, obj)
        meta = metadata(obj)
        if not meta.get("name") and not meta.get("generateName"):
            cause = Cause(
                "FieldValueRequired",
                "Required value: name or generateName is required",
                "metadata.name",
            )
            raise errors.invalid(kept.group, kept.kind, "", [cause])
        if meta.get("resourceVersion"):
            raise errors.ApiError(
                500, "", "resourceVersion should not be set on objects to be created"
            )
        candidate = self._store.create(kept, obj, dry_run=True)
        check_grant(self._authorizer, options.user, target, candidate, None)
        validation.validate_create(kept, candidate)
        if not accounted:
            writer = Manager(options.manager, "Update", target.resource.api_version)
            record_update(self._schemas.field(kept), None, candidate, writer, self._now())
        if not options.dry_run:
            candidate = self._store.create(kept, candidate)
        shown = convert.from_stored(target.resource, candidate)
        return Written(shown, warnings, created=True)

    def update(self, target: Target, body: Body, options: WriteOptions) -> Written:
        """Replace an object, its status, its scale or a namespace's finalizers.

        Raises:
            ApiError: As the real server refuses.
        """
        obj = object_body(body)
        if target.subresource == "scale":
            return self._scale(target, obj, options)
        warnings = self._accepted(target, obj, body, options)
        return Written(self._replace(target, addressed(target, obj), options), warnings)

    def _replace(
        self, target: Target, obj: Json, options: WriteOptions, *, accounted: bool = False
    ) -> Json:
        kept = convert.stored_form(target.resource)
        obj = convert.to_stored(target.resource, obj)
        subresource = target.subresource or None
        old = self._store.peek(kept, target.namespace, target.name)
        if old is None:
            raise errors.not_found(kept.group, kept.plural, target.name)
        if kept.custom and not metadata(obj).get("resourceVersion"):
            cause = Cause(
                "FieldValueInvalid",
                "Invalid value: 0: must be specified for an update",
                "metadata.resourceVersion",
            )
            raise errors.invalid(kept.group, kept.plural, target.name, [cause])
        candidate = self._store.update(kept, obj, subresource=subresource, dry_run=True)
        if subresource is None:
            check_grant(self._authorizer, options.user, target, candidate, old)
            validation.validate_update(kept, candidate, old)
        elif subresource == "status":
            validation.validate_status(kept, candidate)
        if not accounted:
            writer = Manager(
                options.manager, "Update", target.resource.api_version, target.subresource
            )
            record_update(self._schemas.field(kept), old, candidate, writer, self._now())
        if not options.dry_run:
            candidate = self._store.update(kept, candidate, subresource=subresource)
        return convert.from_stored(target.resource, candidate)

    # -- patch -----------------------------------------------------------------------------

    def patch(
        self, target: Target, content_type: str, body: Body, options: WriteOptions
    ) -> Written:
        """Patch an object or a subresource; an apply patch creates what is missing.

        Raises:
            ApiError: As the real server refuses.
        """
        form = content_type.partition(";")[0].strip()
        kept = convert.stored_form(target.resource)
        live = self._store.find(kept, target.namespace, target.name)
        if target.resource.custom and form == STRATEGIC:
            raise errors.unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types "
                f"include: {JSON_PATCH}, {MERGE}, {APPLY}"
            )
        if form == APPLY:
            return self._apply(target, live, body, options)
        if live is None:
            raise errors.not_found(kept.group, kept.plural, target.name)
        if target.subresource == "scale":
            current = scale_of(live)
            return self._scale(target, _patched(current, form, body, None), options)
        shown = convert.from_stored(target.resource, live)
        field = self._schemas.field(target.resource)
        patched = _patched(shown, form, body, field)
        warnings = check_patched(field, target.resource, patched, body, options)
        patched = addressed(target, patched)
        uid = metadata(patched).get("uid")
        if uid != live["metadata"]["uid"]:
            text = f'Invalid value: "{uid or ""}": field is immutable'
            cause = Cause("FieldValueInvalid", text, "metadata.uid")
            raise errors.invalid(kept.group, kept.kind, target.name, [cause])
        return Written(self._replace(target, patched, options), warnings)

    def _apply(
        self, target: Target, live: Json | None, body: Body, options: WriteOptions
    ) -> Written:
        config = object_body(body)
        if not isinstance(config.get("metadata", {}), dict):
            text = f".metadata: expected map, got &{{{config['metadata']}}}"
            raise errors.ApiError(500, "", f"{_UNTYPED} ({_identity(target)}): {text}")
        if target.subresource:
            raise errors.not_implemented(f"apply patches of {target.subresource}")
        config = addressed(target, config)
        if metadata(config).get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        field = self._schemas.field(target.resource)
        found = check(field, config, target.resource.kind)
        if found.unknown or found.wrong:
            what = _undeclared(found.unknown) or found.wrong[0]
            raise errors.ApiError(500, "", f"{_UNTYPED} ({_identity(target)}): {what}")
        shown = convert.from_stored(target.resource, live) if live else None
        if shown and metadata(config).get("resourceVersion"):
            _same_version(target, metadata(config)["resourceVersion"], shown)
        writer = Manager(options.manager, "Apply", target.resource.api_version)
        merged = apply_configuration(
            field, shown, config, writer, force=options.force, now=self._now()
        )
        merged["metadata"].pop("resourceVersion", None)
        if live is None:
            self._authorizer.demand(options.user, _creation(target))
            merged["apiVersion"] = target.resource.api_version
            merged["kind"] = target.resource.kind
            return self._create(target, merged, options, accounted=True)
        return Written(self._replace(target, merged, options, accounted=True))

    # -- scale -----------------------------------------------------------------------------

    def _scale(self, target: Target, scale: Json, options: WriteOptions) -> Written:
        kept = target.resource
        live = self._store.get(kept, target.namespace, target.name)
        replicas = wanted_replicas(target.name, scale)
        given = metadata(scale)
        uid = live["metadata"]["uid"]
        if given.get("uid", uid) != uid:
            raise errors.conflict(
                kept.group,
                f"{kept.plural}/scale",
                target.name,
                f"Precondition failed: UID in precondition: {given['uid']}, "
                f"UID in object meta: {uid}",
            )
        if given.get("resourceVersion"):
            _same_version(target, given["resourceVersion"], live)
        live.setdefault("spec", {})["replicas"] = replicas
        writer = Manager(options.manager, "Update", kept.api_version, "scale")
        old = self._store.peek(kept, target.namespace, target.name)
        if owned(old, _REPLICAS):
            record_update(self._schemas.field(kept), old, live, writer, self._now())
            # A Scale leaves zero out of its JSON, so nobody owns the number any more.
            if not replicas:
                disown(live, _REPLICAS)
        return Written(scale_of(self._store.update(kept, live, dry_run=options.dry_run)))

    def _accepted(
        self, target: Target, obj: Json, body: Body, options: WriteOptions
    ) -> tuple[str, ...]:
        field = self._schemas.field(target.resource)
        return check_fields(field, target.resource, obj, body, options)

    def _now(self) -> str:
        return timestamp(self._store.clock())


def _patched(live: Json, form: str, body: Body, field: Any) -> Json:
    if form == JSON_PATCH:
        patched = json_patch(live, body.value)
    elif form == MERGE or field is None:
        patched = merge_patch(thaw(live), object_body(body))
    else:
        patched = strategic_patch(live, object_body(body), field)
    return patched


def _creation(target: Target) -> Attributes:
    resource, namespace = target.resource, target.namespace or ""
    return Attributes("create", resource.group, resource.plural, "", namespace, target.name)


def _same_version(target: Target, given: str, live: Json) -> None:
    if given != live["metadata"]["resourceVersion"]:
        raise errors.conflict(target.resource.group, target.resource.plural, target.name)


def _undeclared(unknown: list[str]) -> str:
    places = [sentence.split('"')[1] for sentence in unknown]
    return "\n".join(f".{place}: field not declared in schema" for place in places)


def _identity(target: Target) -> str:
    resource = target.resource
    where = f"{target.namespace}/{target.name}" if target.namespace else f"/{target.name}"
    return f"{where}; {resource.api_version}, Kind={resource.kind}"
