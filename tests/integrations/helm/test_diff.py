"""Differences a person can read, and no secret in them."""

from __future__ import annotations

import base64

import pytest

from integrations.helm.diff import diff_manifests, parse_manifest
from integrations.helm.errors import ChartInvalid

SERVICE = """
---
# Source: parse/templates/service.yaml
apiVersion: v1
kind: Service
metadata: {name: parse}
spec: {ports: [{port: %d}]}
"""


def secret(form: str, **content: str) -> str:
    if form == "data":
        content = {k: base64.b64encode(v.encode()).decode() for k, v in content.items()}
    lines = "".join(f"  {k}: {v}\n" for k, v in content.items())
    return f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\n{form}:\n{lines}"


async def test_equal_manifests_have_no_difference() -> None:
    reordered = "kind: Service\napiVersion: v1\nspec: {ports: [{port: 1}]}\nmetadata: {name: parse}"
    assert await diff_manifests(SERVICE % 1, reordered, namespace="parse") == []


async def test_a_change_shows_its_lines_under_its_object() -> None:
    (found,) = await diff_manifests(SERVICE % 1, SERVICE % 2, namespace="parse")
    assert found.title == "Service parse/parse"
    assert found.change == "changed"
    assert "-  - port: 1" in found.text
    assert "+  - port: 2" in found.text


async def test_a_change_within_a_text_of_several_lines_shows_that_line() -> None:
    form = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\ndata: {run.js: %s}\n"
    before, after = form % r'"one\ntwo\nthree\n"', form % r'"one\n2\nthree\n"'
    (found,) = await diff_manifests(before, after, namespace="parse")
    assert "-    two\n+    2\n     three" in found.text


async def test_added_and_removed_objects() -> None:
    (added,) = await diff_manifests("", SERVICE % 1, namespace="parse")
    assert added.change == "added"
    assert all(line[0] in "+@" for line in added.text.splitlines())
    (removed,) = await diff_manifests(SERVICE % 1, "", namespace="parse")
    assert removed.change == "removed"


@pytest.mark.parametrize("form", ["data", "stringData"])
async def test_secrets_show_only_that_they_change(form: str) -> None:
    before = secret(form, master="old-master-key", same="steady-value")
    after = secret(form, master="new-master-key", same="steady-value", extra="another-key")
    (found,) = await diff_manifests(before, after, namespace="parse")
    for value in ("old-master-key", "new-master-key", "steady-value", "another-key"):
        assert value not in found.text
        assert base64.b64encode(value.encode()).decode() not in found.text
    assert "master: (secret, changed)" in found.text
    assert "extra: (secret, new)" in found.text
    assert "  same: (secret)" in found.text


async def test_the_same_secret_written_the_other_way_shows_no_change_of_content() -> None:
    before, after = secret("data", key="value"), secret("stringData", key="value")
    found = await diff_manifests(before, after, namespace="parse")
    assert all("changed" not in f.text and "value" not in f.text for f in found)


async def test_secrets_in_other_objects_are_blanked() -> None:
    (found,) = await diff_manifests(
        "",
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\ndata: {uri: 'mongodb://u:pa55@h'}",
        namespace="parse",
        secrets=["pa55"],
    )
    assert "pa55" not in found.text
    assert "(secret)" in found.text


async def test_parse_reads_lists_and_plain_equals_signs() -> None:
    manifest = (
        "kind: List\napiVersion: v1\nmetadata: {}\nitems:\n- {kind: A, metadata: {name: a}}\n"
        "---\nkind: B\nmetadata: {name: b}\ndata: {op: =}\n---\n"
    )
    found = await parse_manifest(manifest)
    assert [o["kind"] for o in found] == ["A", "B"]
    assert found[1]["data"] == {"op": "="}


@pytest.mark.parametrize("manifest", ["a: [", "just text", "kind: X"])
async def test_what_is_no_manifest_is_refused(manifest: str) -> None:
    with pytest.raises(ChartInvalid):
        await parse_manifest(manifest)
