"""What can go wrong with Helm, told from its English messages.

pyhelm3 knows six of them; "another operation is in progress", timeouts, forbidden and refused
connections all look the same to it, so helm's stderr is classified here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from integrations.errors import IntegrationError
from integrations.kubernetes.refusals import refusal


class HelmError(IntegrationError):
    """Base: helm failed in a way that no subclass names."""


class HelmMissing(HelmError):
    """No usable helm binary was found."""


class BadArgument(HelmError):
    """A name, chart or version that would be misread as an option; nothing was run."""


class ReleaseNotFound(HelmError):
    """There is no such release."""


class AnotherOperationInProgress(HelmError):
    """The release is pending: somebody's helm is at work, or was killed."""


class Timeout(HelmError):
    """A hook or the process ran out of time."""


class Forbidden(HelmError):
    """RBAC says no."""


class Unauthorized(HelmError):
    """The cluster does not accept the credentials, or there are none."""


class Busy(HelmError):
    """The API server turns requests away."""


class Unreachable(HelmError):
    """The cluster gave no answer."""


class ChartNotFound(HelmError):
    """The chart, or that version of it, is not there."""


class ChartInvalid(HelmError):
    """The chart does not render or does not load."""


class SchemaRefused(HelmError):
    """The values break the chart's schema.

    Attributes:
        paths: Dotted paths of the values refused.
    """

    paths: tuple[str, ...] = ()


class KindUnknown(HelmError):
    """The chart has a kind that the cluster does not know; its definition is missing."""


class ObjectRefused(HelmError):
    """The API server refused a rendered object (invalid, immutable field, admission)."""


class AlreadyExists(HelmError):
    """An object of the chart exists and belongs to something else."""


class Conflict(HelmError):
    """Another field manager owns a field.

    Attributes:
        manager: Its name.
    """

    manager: str = ""


class Cancelled(HelmError):
    """Helm was told to stop."""


_LOWER: tuple[tuple[str, type[HelmError], str, str], ...] = (
    # First match wins; the order puts causes before their consequences.
    (
        r"another operation \(.*\) is in progress",
        AnotherOperationInProgress,
        "Helm says that another operation on {release} is in progress",
        "Wait for it; if nobody is at work, see the release's history.",
    ),
    (
        r"(the server has asked for the client to provide credentials|getting credentials: exec|"
        r"getting credentials: decoding)",
        Unauthorized,
        "The cluster does not let helm in",
        "Renew the credentials in the kubeconfig; `check` tells what is wrong with them.",
    ),
    (
        r"(failed to verify certificate|certificate signed by unknown authority|x509:)",
        Unreachable,
        "Helm does not trust what answers for the cluster",
        "Put the cluster's own CA into certificate-authority of the kubeconfig.",
    ),
    (
        r"(too many requests|server is currently unable to handle the request)",
        Busy,
        "The cluster is too busy for helm",
        "Try again in a minute; if it lasts, see what floods the API (priority and fairness).",
    ),
    (
        r"(kubernetes cluster unreachable|connection refused|no such host|i/o timeout|"
        r"network is unreachable|no route to host|tls handshake timeout|etcdserver|"
        r"connection reset by peer)",
        Unreachable,
        "Helm cannot reach the cluster",
        "Check that the API server runs and that this host can reach it.",
    ),
    (
        r"release(: | )not found|has no deployed releases|release not loaded",
        ReleaseNotFound,
        "There is no release {release}",
        "See which releases exist with `status`.",
    ),
    (
        r"values don't meet the specifications of the schema",
        SchemaRefused,
        "The values for {release} break the chart's schema",
        "Correct the values named.",
    ),
    (
        r"(unauthorized|must be logged in|is forbidden|forbidden:)",
        Forbidden,
        "The cluster does not allow helm to do this",
        "Give the bot's account the missing right (deploy/rbac.yaml){named}.",
    ),
    (
        r"no matches for kind",
        KindUnknown,
        "The cluster does not know all kinds of objects that {release} has",
        "Install what defines them first{named}.",
    ),
    (
        r"conflict with \"|conflicts? with \"",
        Conflict,
        "Another manager owns a field that the chart sets",
        "Change it there, or leave it out of the chart's values.",
    ),
    (
        r"cannot be imported into the current release|already exists",
        AlreadyExists,
        "An object of the chart exists already and is not part of {release}",
        "Remove it, or give it to the release by Helm's ownership labels.",
    ),
    (
        r"(timed out waiting|context deadline exceeded|job .* failed: deadlineexceeded)",
        Timeout,
        "Helm ran out of time on {release}",
        "Look at the hook's pod, or give it more time.",
    ),
    (
        r"context canceled|received .*signal|release .* failed, and has been .*interrupt",
        Cancelled,
        "Helm was told to stop while working on {release}",
        "See the release's history for what was done.",
    ),
    (
        r"(chart \"[^\"]+\"( version \"[^\"]+\")? not found|path \"[^\"]+\" not found|"
        r"failed to (fetch|download)|no such file or directory|repo .* not found|"
        r"could not (find|locate) .*chart|chart\.yaml file is missing)",
        ChartNotFound,
        "The chart for {release} was not found",
        "Check the chart's path and version in the configuration.",
    ),
    (
        r"(is invalid:|admission webhook|field is immutable|denied the request|"
        r"unknown field|error validating)",
        ObjectRefused,
        "The cluster refused an object of {release}",
        "Correct the chart or its values.",
    ),
    (
        r"(execution error at|parse error|template:|yaml parse error|error converting yaml|"
        r"failed to (render|parse)|validation: chart|chart requires|unable to build kubernetes|"
        r"cannot load|missing in charts)",
        ChartInvalid,
        "The chart for {release} does not render",
        "Correct the chart or its values.",
    ),
)
_SENTENCES: tuple[tuple[re.Pattern[str], type[HelmError], str, str], ...] = tuple(
    (re.compile(pattern), kind, text, hint) for pattern, kind, text, hint in _LOWER
)

_SCHEMA_PATH = (
    re.compile(r"^- at '/?([^']*)': ", re.MULTILINE),  # newer validator, JSON pointer
    re.compile(r"^- ([\w.()\[\]-]+): ", re.MULTILINE),  # older validator, dotted
)
_MANAGER = re.compile(r'conflicts? with "([^"]+)"')
_DENIED = re.compile(r'cannot (\w+) resource "([^"]+)" in API group "([^"]*)"')
_KIND = re.compile(r'no matches for kind "([^"]+)" in version "([^"]+)"')
_NOISE = re.compile(r"^(WARNING|I\d{4}|W\d{4}|E\d{4}|level=)")


def classify(
    stderr: str, *, release: str, code: int | None, secrets: Iterable[str] = ()
) -> HelmError:
    """Turn helm's stderr into one of our errors.

    Args:
        stderr: What helm wrote.
        release: The release's name, for the sentence.
        code: Exit code; None when it cannot be known.
        secrets: Values to blank out wherever helm repeats them.
    """
    text = scrub(stderr, secrets)
    said = _said(text)
    lower = text.lower()
    if refused := refusal(said):
        return ObjectRefused(
            f"Helm could not finish {release}: the cluster {refused.words}.",
            hint=f"{refused.hint}.",
            detail=text[-8000:],
        )
    for pattern, kind, sentence, hint in _SENTENCES:
        if pattern.search(lower):
            error = kind(
                f"{sentence.format(release=release)}: {said}",
                hint=hint.format(named=_named(kind, text)),
                detail=text[-8000:],
            )
            break
    else:
        exit_ = "" if code is None else f" (exit code {code})"
        error = HelmError(
            f"Helm failed on {release}{exit_}: {said or 'it said nothing'}.",
            hint="The log has its whole output.",
            detail=text[-8000:],
        )
    if isinstance(error, SchemaRefused):
        error.paths = _schema_paths(text)
    if isinstance(error, Conflict):
        managers = _MANAGER.findall(text)
        error.manager = managers[0] if managers else ""
    return error


def _named(kind: type[HelmError], text: str) -> str:
    """Which rights or kinds are missing, for the end of a hint."""
    found: list[str] = []
    if kind is Forbidden:
        found = [
            f"{verb} {what}.{group}".rstrip(".") for verb, what, group in _DENIED.findall(text)
        ]
    elif kind is KindUnknown:
        found = [f"{name} ({version})" for name, version in _KIND.findall(text)]
    return ": " + ", ".join(dict.fromkeys(found)) if found else ""


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Blank out every secret value, longest first."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    return text


def _said(text: str) -> str:
    """Helm's own last words, without warnings and the ``Error:`` prefix, at most 400 long."""
    lines = [line for line in text.strip().splitlines() if not _NOISE.match(line)]
    starts = [i for i, line in enumerate(lines) if line.startswith("Error:")]
    words = " ".join(line.strip() for line in lines[starts[-1] if starts else 0 :])
    words = words.removeprefix("Error:").strip()
    return words if len(words) <= 400 else words[:399] + "…"


def _schema_paths(text: str) -> tuple[str, ...]:
    found = [pointer.replace("/", ".") for pointer in _SCHEMA_PATH[0].findall(text)]
    found += [p for p in _SCHEMA_PATH[1].findall(text) if not p.startswith("at")]
    return tuple(dict.fromkeys("(root)" if p in ("", "(root)") else p for p in found))
