"""Bad input: options that nobody knows, bodies that are not what they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import APPLY, MERGE, Api, Json

Make = Callable[..., Json]
Causes = list[tuple[str, str]]

ODD = {"dryRun": "Some", "fieldValidation": "Odd"}


def causes(status: Json) -> Causes:
    return [(cause["field"], cause["reason"]) for cause in status["details"]["causes"]]


@pytest.mark.parametrize(
    ("method", "kind", "options"),
    [
        ("POST", "application/json", "CreateOptions"),
        ("PUT", "application/json", "UpdateOptions"),
        ("PATCH", MERGE, "PatchOptions"),
        ("PATCH", APPLY, "PatchOptions"),
        ("DELETE", "application/json", "DeleteOptions"),
    ],
    ids=["create", "update", "patch", "apply", "delete"],
)
async def test_words_that_an_option_does_not_know(
    api: Api, method: str, kind: str, options: str
) -> None:
    path = api.path("configmaps", "" if method == "POST" else "one")
    query = ODD | ({"fieldManager": "me"} if kind == APPLY else {})
    if method == "DELETE":
        del query["fieldValidation"]
    # What the options say is looked at before the body is.
    body = None if method == "DELETE" else b"{"
    said = await api.fails(method, path, body, expect=422, kind=kind, **query)
    assert said["message"].startswith(f'{options}.meta.k8s.io "" is invalid: ')
    wanted = ["dryRun"] if method == "DELETE" else ["dryRun", "fieldValidation"]
    assert causes(said) == [(field, "FieldValueNotSupported") for field in wanted]
    assert said["details"]["causes"][0]["message"].endswith(': supported values: "All"')
    if method != "DELETE":
        assert said["details"]["causes"][1]["message"] == (
            'Unsupported value: "Odd": supported values: "", "Ignore", "Strict", "Warn"'
        )


async def test_an_empty_dry_run_is_none_that_is_known(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    said = await api.fails("POST", path, config_map("one"), expect=422, dryRun="")
    assert causes(said) == [("dryRun", "FieldValueNotSupported")]


async def test_a_dry_run_in_the_body_of_a_deletion(api: Api) -> None:
    body = {"dryRun": ["Some"]}
    said = await api.fails("DELETE", api.path("configmaps", "one"), body, expect=422)
    assert causes(said) == [("dryRun", "FieldValueNotSupported")]


async def test_force_is_for_apply_only(api: Api) -> None:
    path = api.path("configmaps", "one")
    said = await api.fails("PATCH", path, {}, expect=422, kind=MERGE, force="true")
    assert causes(said) == [("force", "FieldValueForbidden")]


@pytest.mark.parametrize("value", ["true", "false", "odd"])
async def test_initial_events_are_for_watches(api: Api, value: str) -> None:
    path = api.path("configmaps")
    for method in ("GET", "DELETE"):
        said = await api.fails(method, path, expect=422, sendInitialEvents=value)
        assert said["message"] == (
            'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: '
            "Forbidden: sendInitialEvents is forbidden for list"
        )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"resourceVersionMatch": "Exact"}, "FieldValueForbidden"),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, "FieldValueForbidden"),
        ({"resourceVersionMatch": "Odd", "resourceVersion": "1"}, "FieldValueNotSupported"),
    ],
    ids=str,
)
async def test_a_match_that_makes_no_sense(api: Api, query: dict[str, str], reason: str) -> None:
    said = await api.fails("GET", api.path("configmaps"), expect=422, **query)
    assert causes(said) == [("resourceVersionMatch", reason)]


@pytest.mark.parametrize("name", ["timeoutSeconds", "limit"])
@pytest.mark.parametrize("value", ["abc", "1.5", ""])
async def test_no_number(api: Api, name: str, value: str) -> None:
    path = api.path("configmaps")
    for query in ({}, {"watch": "true"}):
        said = await api.fails("GET", path, expect=400, **query, **{name: value})
        assert said["message"] == f'strconv.ParseInt: parsing "{value}": invalid syntax'
    said = await api.fails("DELETE", path, expect=400, **{name: value})


@pytest.mark.parametrize(
    ("value", "actual"), [([], "array"), ("x", "string"), (1, "number"), (True, "bool")], ids=repr
)
async def test_metadata_that_are_no_object(
    api: Api, config_map: Make, value: Any, actual: str
) -> None:
    body = {**config_map("one"), "metadata": value}
    wrong = (
        f"json: cannot unmarshal {actual} into Go struct field ConfigMap.metadata of type "
        "v1.ObjectMeta"
    )
    said = await api.fails("POST", api.path("configmaps"), body, expect=400)
    cannot = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
    assert said["message"] == cannot + wrong
    path = api.path("configmaps", "one")
    await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    said = await api.fails("PUT", path, body, expect=400)
    assert said["message"] == cannot + wrong
    said = await api.fails("PATCH", path, {"metadata": value}, expect=422, kind=MERGE)
    assert said["message"].endswith(wrong)
    said = await api.fails("PATCH", path, body, expect=500, kind=APPLY, fieldManager="me")
    assert ".metadata: expected map, got " in said["message"]


async def test_no_metadata_at_all(api: Api, config_map: Make) -> None:
    body = {**config_map("one"), "metadata": None}
    said = await api.fails("POST", api.path("configmaps"), body, expect=422)
    assert said["details"]["causes"][0]["field"] == "metadata.name"


@pytest.mark.parametrize(
    ("text", "at"),
    [("not base64!", 3), ("YQ", 0), ("a", 0), ("YQ==YQ==", 4), ("YQ===", 4), ("_-8=", 0)],
)
async def test_data_that_are_no_base64(api: Api, text: str, at: int) -> None:
    wrong = f"illegal base64 data at input byte {at}"
    path = api.path("secrets")
    good = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}}
    said = await api.fails("POST", path, {**good, "data": {"a": text}}, expect=400)
    assert said["message"] == f'Secret in version "v1" cannot be handled as a Secret: {wrong}'
    await api("POST", path, good, expect=201)
    said = await api.fails("PUT", f"{path}/one", {**good, "data": {"a": text}}, expect=400)
    assert said["message"].endswith(wrong)
    body = {"data": {"a": text}}
    said = await api.fails("PATCH", f"{path}/one", body, expect=422, kind=MERGE)
    assert said["message"].endswith(wrong)
    body = {**good, "data": {"a": text}}
    said = await api.fails(
        "PATCH", f"{path}/one", body, expect=500, kind=APPLY, fieldManager="contract"
    )
    assert said["message"].endswith(wrong)


async def test_binary_data_that_are_no_base64(api: Api, config_map: Make) -> None:
    body = {**config_map("one"), "binaryData": {"a": "%%"}}
    said = await api.fails("POST", api.path("configmaps"), body, expect=400)
    assert said["message"].endswith("illegal base64 data at input byte 0")


@pytest.mark.parametrize(
    ("text", "kept"), [("YWJj\n", "YWJj"), ("YW\nJj", "YWJj"), ("YR==", "YQ=="), ("", "")], ids=repr
)
async def test_base64_is_kept_in_its_plain_form(api: Api, text: str, kept: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "one"},
        "data": {"a": text},
    }
    made = await api("POST", api.path("secrets"), body, expect=201)
    assert made["data"] == {"a": kept}


NAMES = {"plural": "things", "kind": "Thing"}
VERSION: Json = {
    "name": "v1",
    "served": True,
    "storage": True,
    "schema": {"openAPIV3Schema": {"type": "object"}},
}
WHOLE: Json = {
    "group": "bad.example.com",
    "scope": "Cluster",
    "names": NAMES,
    "versions": [VERSION],
}
REQUIRED, INVALID = "FieldValueRequired", "FieldValueInvalid"
NOTHING: Causes = [
    ("metadata.name", INVALID),
    ("spec.group", REQUIRED),
    ("spec.scope", REQUIRED),
    ("spec.versions", INVALID),
    ("spec.names.plural", REQUIRED),
    ("spec.names.singular", REQUIRED),
    ("spec.names.kind", REQUIRED),
    ("spec.names.listKind", REQUIRED),
    ("status.storedVersions", INVALID),
]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, NOTHING),
        (None, NOTHING),
        (WHOLE | {"group": "other.example.com"}, [("metadata.name", INVALID)]),
        (WHOLE | {"scope": "Odd"}, [("spec.scope", "FieldValueNotSupported")]),
        (
            WHOLE | {"names": {}},
            [NOTHING[0], *NOTHING[4:8]],
        ),
        (
            WHOLE | {"versions": []},
            [("spec.versions", INVALID), ("status.storedVersions", INVALID)],
        ),
        (
            WHOLE | {"versions": [VERSION | {"storage": False}]},
            [("spec.versions", INVALID), ("status.storedVersions", INVALID)],
        ),
        (
            WHOLE | {"versions": [VERSION | {"schema": None}]},
            [("spec.versions[0].schema.openAPIV3Schema", REQUIRED)],
        ),
        (
            WHOLE | {"versions": [VERSION | {"name": ""}]},
            [("spec.versions[0].name", INVALID)],
        ),
    ],
    ids=[
        "empty",
        "none",
        "another group",
        "scope",
        "no names",
        "no versions",
        "none stored",
        "no schema",
        "nameless version",
    ],
)
async def test_a_definition_that_defines_nothing(api: Api, spec: Any, wanted: Causes) -> None:
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.bad.example.com"},
        "spec": spec,
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    said = await api.fails("POST", path, body, expect=422)
    assert causes(said) == wanted
