"""The messages that helm and kubectl send as protobuf."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube.errors import ApiError
from sandbox.kube.protobuf import MAGIC, decode


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    meta = field(1, api_version) + field(2, kind)
    return MAGIC + field(1, meta) + field(2, raw) + field(3, "") + field(4, "")


def test_secret_as_helm_writes_it() -> None:
    label = field(1, "owner") + field(2, "helm")
    meta = field(1, "sh.helm.release.v1.web.v1") + field(2, "") + field(8, b"") + field(11, label)
    data = field(1, "release") + field(2, b"\x00\xffH4s")
    raw = field(1, meta) + field(2, data) + field(3, "helm.sh/release.v1")
    assert decode(envelope("v1", "Secret", raw)) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm"}},
        "data": {"release": base64.b64encode(b"\x00\xffH4s").decode()},
        "type": "helm.sh/release.v1",
    }


def test_delete_options() -> None:
    raw = field(1, 0) + field(2, field(1, "some-uid")) + field(3, 1) + field(5, "All")
    decoded = decode(envelope("v1", "DeleteOptions", raw))
    assert decoded["gracePeriodSeconds"] == 0
    assert decoded["preconditions"] == {"uid": "some-uid"}
    assert decoded["orphanDependents"] is True
    assert decoded["dryRun"] == ["All"]


def test_access_review() -> None:
    attributes = field(1, "default") + field(2, "create") + field(5, "pods")
    raw = field(1, b"") + field(2, field(1, attributes))
    review = decode(envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", raw))
    assert review["spec"]["resourceAttributes"] == {
        "namespace": "default",
        "verb": "create",
        "resource": "pods",
    }


def test_times_and_unknown_fields() -> None:
    meta = field(1, "x") + field(8, field(1, 86400)) + field(99, "later versions")
    assert decode(envelope("v1", "Secret", field(1, meta)))["metadata"] == {
        "name": "x",
        "creationTimestamp": "1970-01-02T00:00:00Z",
    }


def test_workload_as_kubectl_create_writes_it() -> None:
    port = field(3, 8080) + field(1, "") + field(2, 0) + field(4, "")
    memory = field(1, "memory") + field(2, field(1, "64Mi"))
    resources = field(1, memory)
    probe = field(1, field(2, field(1, "/ok") + field(2, field(1, 1) + field(3, "http"))))
    container = field(1, "main") + field(2, "nginx:1") + field(6, port) + field(8, resources)
    volume = field(1, "tmp") + field(2, field(2, b""))
    pod_spec = field(1, volume) + field(2, container + field(11, probe)) + field(3, "")
    spec = field(1, 0) + field(3, field(1, b"") + field(2, pod_spec))
    decoded = decode(envelope("apps/v1", "Deployment", field(1, field(1, "d")) + field(2, spec)))
    assert decoded["spec"] == {
        "replicas": 0,
        "template": {
            "spec": {
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "containers": [
                    {
                        "name": "main",
                        "image": "nginx:1",
                        "ports": [{"containerPort": 8080}],
                        "resources": {"limits": {"memory": "64Mi"}},
                        "readinessProbe": {"httpGet": {"path": "/ok", "port": "http"}},
                    }
                ],
            }
        },
    }


def test_unknown_kind_is_named() -> None:
    with pytest.raises(ApiError, match="'Widget'") as caught:
        decode(envelope("example.com/v1", "Widget", b""))
    assert caught.value.code == 501


@given(st.binary(max_size=60))
def test_garbage_is_refused_never_raised(data: bytes) -> None:
    with pytest.raises(ApiError):
        decode(MAGIC + data)
    if not data.startswith(MAGIC):
        with pytest.raises(ApiError):
            decode(data)


@given(st.binary(max_size=60))
def test_garbage_inside_a_secret_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ApiError):
        assert decode(envelope("v1", "Secret", data))["kind"] == "Secret"
