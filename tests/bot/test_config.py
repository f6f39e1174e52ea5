"""onprem.yaml: what it becomes, and that every problem is told at once with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import registry
from bot.config import (
    AppConfig,
    ClusterConfig,
    Config,
    ConfigFile,
    StateConfig,
    load,
)
from bot.errors import ConfigError

Write = Callable[[str], Path]
LEAST = "state: {directory: state}\nclusters: {lab: {}}\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("name: chart\n")

    def write(text: str) -> Path:
        path = tmp_path / "onprem.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def problems(path: Path, **kwargs: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, **kwargs)  # type: ignore[arg-type]
    assert {p.file for p in caught.value.problems} == {str(path)}
    return [f"{p.line}: {p.message}" for p in caught.value.problems]


def test_the_least_file_gets_defaults(write: Write, tmp_path: Path) -> None:
    config = load(write(LEAST))
    assert config.default_cluster == "lab"
    assert config.command == "/onprem"
    assert config.slack is None
    assert config.state.directory == tmp_path / "state"
    assert config.state.key_file == tmp_path / "state/keys/audit.key"
    assert config.helm.timeout == 300


def test_an_app_gets_its_names_and_absolute_paths(write: Write, tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("a: 1")
    config = load(
        write(
            LEAST + "apps:\n  parse:\n    cluster: lab\n    namespace: ns\n    chart: ./chart\n"
            "    timeout: 10m\n    credentials: {}\n    values_files: [v.yaml]\n"
        )
    )
    app = config.apps["parse"]
    assert app.clusters == ("lab",)
    assert app.release == "parse"
    assert app.timeout == 600
    assert app.chart == str(tmp_path / "chart")
    assert app.values_files == (tmp_path / "v.yaml",)
    assert app.credentials
    assert app.credentials.secret == "parse-credentials"
    assert config.clusters_of("parse") == ("lab",)


def test_a_backup_has_its_defaults_and_a_drill(write: Write) -> None:
    text = LEAST + (
        "apps: {parse: {namespace: parse, chart: builtin:parse-server,\n"
        "  backup: {name: parse-backup, selector: app=parse, ttl: 7d,\n"
        "    drill: {cron: 0 5 * * 0, database: mongodb, counts: [parse._User]}},\n"
        "  probes: [{name: health, service: parse-server, path: /parse/health}]}}\n"
    )
    app = load(write(text)).apps["parse"]
    assert app.backup is not None
    assert (app.backup.ttl, app.backup.recovery_point) == (7 * 86400, 86400)
    assert app.backup.drill.counts == ("parse._User",)
    assert (app.probes[0].port, app.probes[0].status) == (0, 200)


def test_models_complete_themselves_without_a_file() -> None:
    config = Config(
        state=StateConfig(directory=Path("x")),
        clusters={"a": ClusterConfig()},
        apps={"p": AppConfig(namespace="n", chart="oci://r/c")},
    )
    assert config.apps["p"].release == "p"
    assert config.clusters_of("p") == ("a",)


def test_every_problem_is_told_at_once_with_its_line(write: Write) -> None:
    path = write(
        """\
comand: /onprem
state: {directory: 5}
slack:
  bot_token: xapp-1
  channels:
    C123: {cluster: labb}
    general: {}
clusters:
  lab: {}
  Bad_Name: {prometheus: "ftp://x"}
apps:
  parse:
    cluster: labbb
    chart: builtin:parse-servr
    namspace: x
    timeout: 10x
    aliases:
      mongo: {workload: pod/x}
  web:
    namespace: web
    chart: ./nochart
    chart: ./nochart
policy: {deploy: second, scale: maybe, roll-back: run}
persons: {a: [bob], b: ["slack:T1/U1"], c: ["slack:T1/U1"]}
"""
    )
    found = problems(path, command_names=lambda modules: ["deploy", "scale", "rollback"])
    expected = [
        "1: comand: unknown key; did you mean “command”?",
        "2: state.directory: should be a path",
        "3: slack: mode socket needs app_token",
        "4: slack.bot_token: this is no bot token",
        "6: slack.channels.C123.cluster: there is no cluster “labb”; did you mean “lab”?",
        "7: slack.channels.general: give a channel's id",
        "10: clusters.Bad_Name: “Bad_Name” is not a name",
        "10: clusters.Bad_Name.prometheus.url: give an address",
        "12: apps.parse.namespace: is missing",
        "13: apps.parse.clusters.0: there is no cluster “labbb”",
        "14: apps.parse.chart: there is no builtin chart “parse-servr”; did you mean",
        "15: apps.parse.namspace: unknown key; did you mean “namespace”?",
        "16: apps.parse.timeout: write a duration as",
        "18: apps.parse.aliases.mongo.workload: “pod” is not a kind",
        "21: apps.web.chart: there is no chart at",
        "22: apps.web.chart is written twice, first on line 21",
        "23: policy.deploy: a second person's approval is not available yet",
        "23: policy.roll-back: there is no command “roll-back”; did you mean “rollback”?",
        "23: policy.scale: should be 'run', 'confirm' or 'type'",
        "24: persons.a.0: “bob” is no actor",
        "24: persons.c.0: slack:T1/U1 is person “b” already",
    ]
    for sentence in expected:
        assert any(line.startswith(sentence) for line in found), (sentence, found)
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1\n", "2: this is not YAML: expected ',' or ']'"),
        ("- 1\n", "1: the file should hold keys and values"),
        ("state: &a {directory: x, b: *a}\n", "1: an alias must not contain itself"),
        ("clusters: {}\nstate: {directory: x}\n", "1: clusters: needs at least one entry"),
        (LEAST.replace("lab: {}", "lab: {}, b: {}"), "1: say which is the default_cluster: b, lab"),
        (LEAST + "default_cluster: la\n", "3: default_cluster: there is no cluster “la”"),
        (LEAST + "command: onprem\n", "3: command: a slash, then"),
        (LEAST + "helm: {timeout: 0}\n", "3: helm.timeout: a duration must be above zero"),
        (LEAST + "helm: {timeout: true}\n", "3: helm.timeout: write a duration"),
        (LEAST + "commands: [a-b]\n", "3: commands.0: name a Python module"),
        (
            LEAST + "freezes:\n- {start: 2026-01-02T00:00:00Z, end: 2026-01-01T00:00:00Z, "
            "reason: x}\n",
            "4: freezes.0.end: a freeze must end after it starts",
        ),
        (
            LEAST + "apps:\n  a: {namespace: n, chart: ./chart, release: r}\n"
            "  b: {namespace: n, chart: ./chart, release: r}\n",
            "5: apps.b: release r in lab/n is app “a” already",
        ),
        (
            "state: {directory: x}\nclusters:\n  a: {in_cluster: true, context: c}\n",
            "3: clusters.a.in_cluster: give in_cluster, or",
        ),
        (
            "state: {directory: x}\nclusters:\n  a:\n    kubeconfig: nofile\n",
            "4: clusters.a.kubeconfig: there is no file",
        ),
        (
            LEAST + "slack: {bot_token: xoxb-1, app_token: xapp-1, listen: 'a:70000'}\n",
            "3: slack.listen: a port is at most 65535",
        ),
        (LEAST + "slack: {mode: http, bot_token: xoxb-1}\n", "3: slack: mode http needs signing"),
    ],
)
def test_one_problem(write: Write, text: str, problem: str) -> None:
    found = problems(write(text))
    assert any(line.startswith(problem) for line in found), found


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nofile.yaml: there is no such file; `onprem init`"):
        load(tmp_path / "nofile.yaml")


def test_secrets_come_from_files_environment_and_credentials(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bot").write_text("xoxb-file\n")
    (tmp_path / "bot").chmod(0o600)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "slack__signing_secret").write_text("signed")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("ONPREM_SLACK__APP_TOKEN", "xapp-environment")
    config = load(write(LEAST + "slack: {bot_token_file: bot}\n"))
    assert config.slack
    assert config.slack.bot_token
    assert config.slack.bot_token.get_secret_value() == "xoxb-file"
    assert config.slack.app_token
    assert config.slack.app_token.get_secret_value() == "xapp-environment"
    assert config.slack.signing_secret
    assert config.slack.signing_secret.get_secret_value() == "signed"
    assert "xoxb-file" not in repr(config)
    assert "xapp-environment" not in config.model_dump_json()


def test_the_environment_wins_over_the_file_and_is_named_in_problems(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(LEAST + "helm: {executable: helm3}\n")
    monkeypatch.setenv("ONPREM_HELM__EXECUTABLE", "helm4")
    assert load(path).helm.executable == "helm4"
    monkeypatch.setenv("ONPREM_HELM__TIMEOUT", "soon")
    with pytest.raises(ConfigError, match=r"environment ONPREM_HELM__TIMEOUT: helm.timeout: write"):
        load(path)


@pytest.mark.parametrize(
    ("mode", "content", "problem"),
    [
        (0o644, "xoxb-1", "4: slack.bot_token_file: bot: everyone on this host can read it"),
        (0o600, "", "4: slack.bot_token_file: bot: it must hold one line"),
        (0o600, "a\nb", "4: slack.bot_token_file: bot: it must hold one line"),
        (None, "", "4: slack.bot_token_file: bot: No such file"),
    ],
)
def test_secret_files_are_checked(
    write: Write, tmp_path: Path, mode: int | None, content: str, problem: str
) -> None:
    if mode is not None:
        (tmp_path / "bot").write_text(content)
        (tmp_path / "bot").chmod(mode)
    found = problems(write(LEAST + "slack:\n  bot_token_file: bot\n  app_token: xapp-1\n"))
    assert len(found) == 1
    assert found[0].startswith(problem)


GRAPH = "{title: Mine, query: up}"


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (f"graphs:\n  mine: {GRAPH}\n  list: {GRAPH}\n", "5: graphs.list: “graph list” is a com"),
        (f"graphs:\n  my orders: {GRAPH}\n", "4: graphs.my orders: “my orders” is not a name"),
        (f"graphs:\n  --app: {GRAPH}\n", "4: graphs.--app: “--app” is not a name"),
        (f"graphs:\n  List: {GRAPH}\n", "4: graphs.List: “List” is not a name"),
        (
            "apps:\n  drill: {namespace: a, chart: ./chart}\n",
            "4: apps.drill: “restore drill” is a command of its own: give this app another name",
        ),
    ],
)
def test_what_could_not_be_asked_for_by_its_name_is_refused(
    write: Write, part: str, problem: str
) -> None:
    (found,) = problems(write(LEAST + part), command_names=registry.names)
    assert found.startswith(problem)


def test_a_command_module_that_cannot_be_used_is_told_with_the_rest(write: Write) -> None:
    path = write(LEAST + "commands: [absent_module]\nhelm: {timeout: 0}\n")
    absent, timeout = problems(path, command_names=registry.names)
    assert absent.startswith("0: commands: module absent_module cannot be used")
    assert timeout.startswith("4: helm.timeout")


def test_a_secret_in_a_file_for_all_to_read_is_a_problem(write: Write) -> None:
    path = write(LEAST + "slack: {bot_token: xoxb-1, app_token: xapp-1}\n")
    assert load(path)
    path.chmod(0o644)
    assert [line.partition(";")[0] for line in problems(path)] == [
        "3: slack.app_token: everyone on this host can read this secret",
        "3: slack.bot_token: everyone on this host can read this secret",
    ]


def test_no_secret_is_repeated_in_a_problem(write: Write) -> None:
    path = write(LEAST + "slack:\n  bot_token: [xoxb-SECRET]\n  app_token: SECRET\n")
    assert "SECRET" not in " ".join(problems(path))


def test_reload_takes_the_new_and_keeps_the_old_on_a_problem(write: Write) -> None:
    held = ConfigFile(write(LEAST))
    before = held.current
    assert not held.reload()
    write(LEAST + "nonsense: 1\n")
    with pytest.raises(ConfigError):
        held.reload()
    assert held.current is not None
    assert held.current == before
    write(LEAST + "command: /ops\n")
    assert held.reload()
    assert held.current.command == "/ops"
    assert held.current.version != before.version


def test_persons_are_found_by_actor(write: Write) -> None:
    config = load(write(LEAST + 'persons: {ann: ["slack:T1/U1", "os:host/ann"]}\n'))
    assert config.person_of("os:host/ann") == "ann"
    assert config.person_of("slack:T1/U2") == "slack:T1/U2"
