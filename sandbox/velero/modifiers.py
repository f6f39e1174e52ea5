"""Changes that a Restore makes to what it restores: its ``resourceModifier`` ConfigMap.

Version ``v1`` with JSON patches and merge patches; follows ``internal/resourcemodifiers`` of
velero v1.18.3. Strategic patches are not known here, and said so.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from sandbox.kube.controllers.meta import matches
from sandbox.kube.errors import ApiError
from sandbox.kube.patch.merge import json_patch, merge_patch
from sandbox.kube.resources import CONFIGMAPS
from sandbox.velero.site import NAMESPACE, Site

Json = dict[str, Any]


class BadModifier(Exception):
    """The ConfigMap cannot be used."""


def read(site: Site, restore: Json) -> list[Json]:
    """Return a Restore's rules.

    Raises:
        BadModifier: There is no such ConfigMap, or it holds no rules.
    """
    ref = restore["spec"].get("resourceModifier")
    if not ref:
        return []
    name = ref.get("name", "")
    found = site.store.peek(CONFIGMAPS, NAMESPACE, name)
    if found is None:
        raise BadModifier(f"failed to get resource modifiers configmap {NAMESPACE}/{name}")
    data = found.get("data") or {}
    if len(data) != 1:
        raise BadModifier(f"illegal resource modifiers configmap {NAMESPACE}/{name}")
    try:
        body = yaml.safe_load(next(iter(data.values())))
        rules: list[Json] = list(body["resourceModifierRules"])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise BadModifier(f"Error in parsing resource modifiers provided in configmap "
                          f"{NAMESPACE}/{name}: {error}") from error  # fmt: skip
    if body.get("version") != "v1" or any(rule.get("strategicPatches") for rule in rules):
        raise BadModifier("the practice world knows version v1 with patches and mergePatches")
    return rules


def apply(rules: list[Json], resource: str, obj: Json) -> tuple[Json, list[str]]:
    """Return the object as the rules want it, and what could not be done."""
    problems = []
    for rule in rules:
        if not _fits(rule.get("conditions") or {}, resource, obj):
            continue
        try:
            obj = _changed(rule, obj)
        except (ApiError, ValueError) as error:
            problems.append(str(error))
    return obj, problems


def _fits(conditions: Json, resource: str, obj: Json) -> bool:
    meta = obj["metadata"]
    homes = conditions.get("namespaces")
    name = conditions.get("resourceNameRegex")
    selector = conditions.get("labelSelector")
    return (
        conditions.get("groupResource") in (resource, "*")
        and (not homes or meta.get("namespace") in homes)
        and (not name or re.search(name, meta["name"]) is not None)
        and (selector is None or matches(selector, meta.get("labels") or {}))
    )


def _changed(rule: Json, obj: Json) -> Json:
    operations = [
        {"op": patch["operation"], "path": patch["path"], "value": _value(patch.get("value"))}
        | ({"from": patch["from"]} if patch.get("from") else {})
        for patch in rule.get("patches") or ()
    ]
    if operations:
        obj = json_patch(obj, operations)
    for patch in rule.get("mergePatches") or ():
        obj = merge_patch(obj, yaml.safe_load(patch["patchData"]))
    return obj


def _value(text: Any) -> Any:
    """A patch's value is written as text; what reads as JSON is meant as JSON."""
    if not isinstance(text, str):
        return text
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text
