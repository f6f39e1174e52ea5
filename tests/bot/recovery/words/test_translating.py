"""Velero's remarks in words; the texts are those of Velero 1.18's source."""

from __future__ import annotations

import pytest

from bot.recovery.words.translating import left_alone, run_failure, shortened, translate
from integrations.velero.models import Remark


def words(text: str) -> str:
    (sentence,) = translate([Remark("namespace", "parse", text)]).sentences
    return sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'error restoring services/parse/web: Service "web" is invalid: spec.ports[0].'
            "nodePort: Invalid value: 30080: provided port is already allocated",
            "services web in parse was not restored: its node port is taken by another Service.",
        ),
        (
            'error restoring deployments.apps/parse/web: admission webhook "policy.example" '
            "denied the request: images must be pinned",
            "deployments.apps web in parse was not restored: webhook policy.example refuses it: "
            "images must be pinned.",
        ),
        (
            "error restoring things.example.com/parse/one: the server could not find the "
            "requested resource",
            "things.example.com one in parse was not restored: this cluster does not know its "
            "kind: install its CRD first.",
        ),
        (
            'error restoring pods/parse/a: Pod "a" is invalid: spec.topologySpreadConstraints[0][0]'
            ': Invalid value: "pod-template-hash": exists in both matchLabelKeys and labelSelector',
            "pods a in parse was not restored: it carries `matchLabelKeys`, and so only its "
            "Deployment can make it anew: take them out of the app's topologySpreadConstraints, "
            "then deploy and back up again.",
        ),
        (
            'error restoring pods/parse/a: pods "a" is forbidden: exceeded quota: small',
            "pods a in parse was not restored: the namespace's quota is used up.",
        ),
        (
            "hook <from-annotation> in container mongodb failed to execute, err: command "
            "terminated with exit code 3",
            "The restore hook in container mongodb ended with exit code 3: the data may not be "
            "loaded.",
        ),
        (
            "hook <from-annotation> in container mongodb in pod parse/m-0 not executed: context "
            "deadline exceeded",
            "The restore hook in container mongodb of pod parse/m-0 did not run in time: the data "
            "is not loaded.",
        ),
        (
            "timed out waiting for all PodVolumeRestores to complete",
            "The data of volumes did not come back in time: see whether the pods were scheduled "
            "and node-agent runs on their nodes.",
        ),
        (
            "pod volume restore failed: data path restore failed: dial tcp 10.0.0.1:9000: "
            "connect: connection refused",
            "The data of a volume did not come back: the store cannot be reached.",
        ),
        ("something that nobody has seen", "something that nobody has seen."),
    ],
)
def test_a_remark_becomes_a_sentence(text: str, sentence: str) -> None:
    assert words(text) == sentence


def test_braces_and_length_of_outside_text_do_no_harm() -> None:
    text = (
        'error restoring pods/p/a: admission webhook "w" denied the request: {x} {0} ' + "z" * 999
    )
    assert "{x} {0}" in words(text)
    assert len(words(text)) < 400


def test_objects_that_exist_and_differ_are_one_sentence() -> None:
    """Both forms: with a policy for existing objects, and without."""
    found = translate(
        [
            Remark("namespace", "p", 'could not restore, Secret "keys" already exists. Warning: x'),
            Remark("namespace", "p", "could not restore, ConfigMap:a already exists. Warning: x"),
        ]
    )
    assert found.sentences == ()
    assert found.left == ("Secret keys", "ConfigMap a")
    assert left_alone(found.left) == (
        "2 objects exist and differ from the backup, and stay as they are: "
        "Secret keys and ConfigMap a."
    )
    assert left_alone(found.left[:1]) == (
        "1 object exists and differs from the backup, and stays as it is: Secret keys."
    )
    assert left_alone(()) == ""


def test_the_same_remark_is_told_once_and_hooks_are_counted() -> None:
    hook = "hook h in container c expired before executing"
    found = translate([Remark("velero", "", hook), Remark("velero", "", hook)])
    assert len(found.sentences) == 1
    assert found.hooks == 2


@pytest.mark.parametrize(
    ("failure", "problems", "why"),
    [
        ("", ["The BSL default is unavailable, cannot retrieve the backup"],
         "the storage location of the backup is unavailable"),
        ("", ['Error retrieving backup: backup.velero.io "x" not found'], "the backup is gone"),
        ('found a restore with status "InProgress" during the server starting, mark it as "Failed"',
         [], "Velero's server restarted in the middle. What was restored by then is there"),
        ("restore execution failed: error downloading backup: key not found", [],
         "The backup could not be read from the store: key not found"),
        ("error checking if backup already exists in object storage: rpc error: code = Unknown "
         "desc = operation error S3: HeadObject, exceeded maximum number of attempts, 3, https "
         "response error StatusCode: 0, RequestID: , HostID: , request send failed, Head "
         '"http://127.0.0.1:9000/b/k": dial tcp 127.0.0.1:9000: connect: connection refused',
         [], "the store cannot be reached"),
        ("", [], "Velero does not say why"),
    ],
)  # fmt: skip
def test_a_run_that_failed_says_why(failure: str, problems: list[str], why: str) -> None:
    assert run_failure(failure, problems) == why


def test_many_sentences_become_few() -> None:
    assert shortened(["a", "b", "c"], 2) == ("a", "b", "1 more is in the restore's log.")
    assert shortened(["a", "b"], 2) == ("a", "b")
