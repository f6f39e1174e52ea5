"""Helm's English, told apart."""

from __future__ import annotations

import pytest

from integrations.helm import errors

SCHEMA = (
    "values don't meet the specifications of the schema(s) in the following chart(s):\n"
    "parse-server:\n"
)
OLD_SCHEMA = (
    f"Error: UPGRADE FAILED: {SCHEMA}"
    "- replicas: Invalid type. Expected: integer, given: string\n"
    "- (root): Additional property nope is not allowed\n"
)
NEW_SCHEMA = f"Error: {SCHEMA}- at '/mongodb/replicas': got string, want integer\n"


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("Error: release: not found", errors.ReleaseNotFound),
        (
            "Error: uninstall: Release not loaded: parse: release: not found",
            errors.ReleaseNotFound,
        ),
        (
            "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
            errors.AnotherOperationInProgress,
        ),
        (
            'Error: Kubernetes cluster unreachable: Get "https://10.0.0.1:6443/version": dial tcp '
            "10.0.0.1:6443: connect: connection refused",
            errors.Unreachable,
        ),
        ("Error: etcdserver: request timed out", errors.Unreachable),
        ("Error: UPGRADE FAILED: timed out waiting for the condition", errors.Timeout),
        (
            "Error: failed pre-install: 1 error occurred:\n\t* context deadline exceeded",
            errors.Timeout,
        ),
        (
            'Error: query: failed to query with labels: secrets is forbidden: User "bot" cannot '
            'list resource "secrets" in API group "" in the namespace "parse"',
            errors.Forbidden,
        ),
        ("Error: Kubernetes cluster unreachable: the server has asked", errors.Unreachable),
        ('Error: path "charts/nope" not found', errors.ChartNotFound),
        ("Error: Chart.yaml file is missing", errors.ChartNotFound),
        (
            "Error: execution error at (parse/templates/a.yaml:1:3): a key is required",
            errors.ChartInvalid,
        ),
        ("Error: parse error at (parse/templates/a.yaml:1): unclosed action", errors.ChartInvalid),
        (
            "Error: YAML parse error on parse/templates/a.yaml: error converting YAML to JSON",
            errors.ChartInvalid,
        ),
        (OLD_SCHEMA, errors.SchemaRefused),
        (
            'Error: UPGRADE FAILED: cannot patch "x" with kind Deployment: Deployment.apps "x" is '
            "invalid: spec.selector: Invalid value: field is immutable",
            errors.ObjectRefused,
        ),
        (
            'Error: INSTALLATION FAILED: Unable to continue with install: Service "x" in namespace '
            '"parse" exists and cannot be imported into the current release: invalid ownership '
            "metadata",
            errors.AlreadyExists,
        ),
        (
            'Error: UPGRADE FAILED: Apply failed with 1 conflict: conflict with "kubectl" with '
            "subresource scale using apps/v1: .spec.replicas",
            errors.Conflict,
        ),
        ("Error: UPGRADE FAILED: context canceled", errors.Cancelled),
        ("Error: something else", errors.HelmError),
        ("", errors.HelmError),
    ],
)
def test_classification(stderr: str, kind: type[errors.HelmError]) -> None:
    found = errors.classify(stderr, release="parse", code=1)
    assert type(found) is kind
    assert found.message
    assert found.hint
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("stderr", "paths"),
    [(OLD_SCHEMA, ("replicas", "(root)")), (NEW_SCHEMA, ("mongodb.replicas",))],
)
def test_refused_values_are_named(stderr: str, paths: tuple[str, ...]) -> None:
    found = errors.classify(stderr, release="parse", code=1)
    assert isinstance(found, errors.SchemaRefused)
    assert found.paths == paths


@pytest.mark.parametrize(
    ("stderr", "kind", "named"),
    [
        (
            'Error: clusterroles.rbac.authorization.k8s.io "x" is forbidden: User "bot" cannot get '
            'resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope',
            errors.Forbidden,
            "right (deploy/rbac.yaml): get clusterroles.rbac.authorization.k8s.io.",
        ),
        (
            'Error: secrets is forbidden: User "bot" cannot list resource "secrets" in API group '
            '"" in the namespace "parse"',
            errors.Forbidden,
            "right (deploy/rbac.yaml): list secrets.",
        ),
        (
            "Error: unable to build kubernetes objects from release manifest: [resource mapping "
            'not found for name: "a" namespace: "" from "": no matches for kind "Stage" in version '
            '"kwok.x-k8s.io/v1alpha1" ensure CRDs are installed first, resource mapping not found '
            'for name: "b" namespace: "" from "": no matches for kind "Stage" in version '
            '"kwok.x-k8s.io/v1alpha1" ensure CRDs are installed first]',
            errors.KindUnknown,
            "Install what defines them first: Stage (kwok.x-k8s.io/v1alpha1).",
        ),
        ("Error: forbidden: nobody said what", errors.Forbidden, "right (deploy/rbac.yaml)."),
    ],
)
def test_what_is_missing_is_named_once(
    stderr: str, kind: type[errors.HelmError], named: str
) -> None:
    found = errors.classify(stderr, release="parse", code=1)
    assert type(found) is kind
    assert found.hint.endswith(named)


def test_the_other_manager_is_named() -> None:
    found = errors.classify('Error: conflict with "kubectl" using', release="parse", code=1)
    assert isinstance(found, errors.Conflict)
    assert found.manager == "kubectl"


def test_warnings_are_not_taken_for_the_reason() -> None:
    stderr = "WARNING: Kubernetes configuration file is group-readable\nError: it broke\n"
    found = errors.classify(stderr, release="parse", code=1)
    assert "it broke" in found.message
    assert "WARNING" not in found.message


def test_secrets_are_blanked_longest_first() -> None:
    assert errors.scrub("abc abcdef", ["abc", "abcdef", ""]) == "(secret) (secret)"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            "Kubernetes cluster unreachable: the server has asked for the client to provide "
            "credentials",
            errors.Unauthorized,
            "The cluster does not let helm in",
        ),
        (
            'Kubernetes cluster unreachable: Get "https://h/version": getting credentials: exec: '
            "executable login failed with exit code 1",
            errors.Unauthorized,
            "The cluster does not let helm in",
        ),
        (
            'Kubernetes cluster unreachable: Get "https://h/version": tls: failed to verify '
            "certificate: x509: certificate signed by unknown authority",
            errors.Unreachable,
            "Helm does not trust what answers for the cluster",
        ),
        (
            "query: failed to query with labels: the server has received too many requests and "
            "has asked us to try again later (get secrets)",
            errors.Busy,
            "The cluster is too busy for helm",
        ),
        (
            'UPGRADE FAILED: cannot patch "web" with kind Deployment: admission webhook '
            '"policy.example.org" denied the request: no owner is named',
            errors.ObjectRefused,
            "Helm could not finish parse: the cluster refuses it through admission webhook "
            "policy.example.org: no owner is named.",
        ),
        (
            'secrets "x" is forbidden: unable to create new content in namespace parse because it '
            "is being terminated",
            errors.ObjectRefused,
            "Helm could not finish parse: the cluster is deleting namespace parse and takes "
            "nothing new into it.",
        ),
    ],
    ids=["token", "plugin", "authority", "busy", "webhook", "terminating"],
)
def test_trouble_on_the_way_to_the_cluster_is_told_apart(
    said: str, kind: type[errors.HelmError], words: str
) -> None:
    found = errors.classify(f"Error: {said}", release="parse", code=1)
    assert type(found) is kind
    assert found.message.startswith(words)
    assert found.hint
