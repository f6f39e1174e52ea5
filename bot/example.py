"""What `onprem init` writes: a commented configuration that is valid as it stands."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bot.errors import Refused

EXAMPLE = """\
# The configuration of /onprem. Check it with: onprem check
# Durations are written 90, 90s, 10m, 2h or 1d. Paths are seen from this file's folder.
# Any setting may come from the environment instead: ONPREM_SLACK__BOT_TOKEN is slack.bot_token.

# command: /onprem            # the slash command's name

state:
  directory: {state}          # the bot's own database; keep it on a local disk
  # audit_key: /etc/onprem/audit.key     # the audit log's key (default: keys/ in the directory)
  # backups: /var/backups/onprem         # nightly copies (default: backups/ in the directory)

# Slack. `onprem manifest` prints the app to create. Without this part only the terminal works.
# slack:
#   mode: socket              # socket needs no inbound port; http needs signing_secret and listen
#   bot_token_file: secrets/bot-token    # begins xoxb-; chmod 600
#   app_token_file: secrets/app-token    # begins xapp-; for mode socket
#   signing_secret_file: secrets/signing-secret     # for mode http
#   listen: 127.0.0.1:3000    # for mode http, behind your TLS proxy
#   path: /slack/events
#   api_url: https://slack.com/api/
#   ops_channel: C0123456789  # hears of every change
#   channels:
#     C0123456789:
#       cluster: main         # what commands mean here when they name no cluster
#       commands: [status, deploy, rollback]    # only these; leave out for all

clusters:
  main:                       # without kubeconfig: as kubectl on this host reaches its cluster
    in_cluster: false         # true instead of a kubeconfig, when the bot runs in the cluster
    # kubeconfig: /etc/onprem/kubeconfig
    # context: main
    # velero_namespace: velero
    # prometheus:             # or the address alone: http://prometheus.monitoring:9090
    #   url: http://prometheus.monitoring:9090
    #   jobs:                   # what its scrape jobs are called, where not as usual
    #     node: node-exporter
    # alertmanager:           # both can have all of this
    #   url: https://alertmanager.example.com
    #   token_file: secrets/alertmanager-token
    #   username: onprem      # with password_file, instead of a token
    #   password_file: secrets/alertmanager-password
    #   ca_file: /etc/onprem/ca.pem
    #   verify: true
    # rancher:
    #   url: https://rancher.example.com
    #   token_file: secrets/rancher-token

# default_cluster: main       # needed with more than one cluster

apps:
  parse:
    description: Parse Server with its MongoDB replica set
    namespace: parse
    chart: builtin:parse-server     # or a path, oci://…, or a name together with repo:
    # cluster: main
    # clusters: [main, spare]
    # release: parse          # the Helm release (default: the app's name)
    # repo: https://charts.example.com
    # chart_version: 1.2.3
    # values:
    #   ingress:
    #     host: parse.example.com
    # values_files: [values/parse.yaml]
    # version_value: image.tag      # what `deploy parse --version` sets
    # secret_values: [externalDatabase.uri]     # never shown, refused by --set
    credentials:              # AppID, master key and Mongo passwords, made once, never shown
      kind: parse-server
      # secret: parse-credentials
      # value: existingSecret
    aliases:
      mongodb:                # so that `scale mongodb 2` finds it
        workload: statefulset/parse-mongodb
        replicas_value: mongodb.replicaCount
        # autoscaling_value: autoscaling
        members: mongodb      # change the replica set's members too
    # rollback_on_failure: true
    # timeout: 10m
    # backup:                 # with Velero; a backup is called like this and the time
    #   name: parseserver-backup
    #   selector: app=parseserver       # only what carries the label is saved
    #   ttl: 30d
    #   storage: minio        # Velero's default location unless given
    #   recovery_point: 24h   # the oldest that the newest backup may be
    #   volumes: copy         # or snapshot, or none
    #   drill:                # `restore drill parse` proves that the backup can be restored
    #     cron: "0 5 * * 0"   # without being asked as well
    #     database: mongodb   # the alias whose pods count documents
    #     counts: [parse._User]
    # probes:                 # what tells that the app works, asked through the API server
    #   - name: health
    #     service: parse-server
    #     port: 1337          # its first one unless given
    #     path: /parse/health
    #     status: 200

# Who is who: a person's actors, in Slack and on hosts. Nobody approves his own change.
persons:
  {person}: [{actor}]
  # bob: [slack:T0123456789/U0123456789, os:bastion/bob]

# Who is admin from the start; everybody else gets a role from them: role grant
admins:
  - {actor}

# The bot's own metrics, at http://HOST:9096/metrics; what to alert on and a dashboard for Grafana
# lie in deploy/ (onprem-rules.yaml, grafana-dashboard.json).
# metrics:
#   listen: 127.0.0.1:9096

# Alertmanager's webhooks: it posts to http://HOST:9095/alerts/CLUSTER with the token as its bearer.
# alerts:
#   token_file: secrets/alerts-token
#   listen: 127.0.0.1:9095
#   quiet: 15m                # a group that was over for so long gets a new thread
#   lost_after: 15m           # not known to Alertmanager for so long: lost sight
#   watchdog:                 # its silence is told, once it has been heard
#     alertname: Watchdog
#     after: 15m
#   storm:                    # above so many new threads a channel gets one summary
#     threads: 10
#     per: 1m
#   email:                    # critical ones, while Slack is away
#     host: mail.example.com
#     port: 587               # as usual for tls unless given
#     tls: starttls           # or tls, none
#     username: onprem
#     password_file: secrets/mail-password
#     ca_file: ca.pem
#     from: onprem@example.com
#     to: [operators@example.com]
#     after: 5m               # Slack must have been away for so long
#     every: 5m               # at most one mail in that time
#   channel: C0123456789      # for alerts that no route takes elsewhere; else the ops channel
#   mentions:                 # who is called when an alert of that severity opens
#     critical: [slack-group:T0123456789/S0123456789]
#   routes:                   # the first that fits counts; * stands for anything
#     - match:
#         namespace: [parse, "parse-*"]
#       channel: C0123456780
#   quiet_hours:              # posted, but nobody is called
#     - start: "22:00"
#       end: "07:00"
#       days: [mon, tue, wed, thu, fri]    # on which they begin; all unless given
#       timezone: Europe/Berlin
#       critical: false       # true: critical alerts call nobody either
#   maintenance:              # expected: listed, not posted
#     - start: 2026-12-01T20:00:00Z
#       end: 2026-12-01T22:00:00Z
#       reason: new switches
#   escalate:                 # when nobody takes it
#     after: 15m
#     mentions: [slack:T0123456789/U0123456789]
#     severities: [critical]

# What a change asks before it runs: run, confirm or type (the name). It only ever asks for more.
# policy:
#   deploy: confirm

# freezes:
#   - start: 2026-12-23T12:00:00Z
#     end: 2027-01-02T06:00:00Z
#     reason: holidays
#     target: main            # cluster, cluster/namespace or cluster/namespace/app; empty: all

# More graphs, or others in place of shipped ones; `graph list` shows all. docs/graphs.md tells how.
# graphs:
#   orders:
#     title: Orders of customers
#     # Values come with their quotes: $namespace, $pods and $node for =~, $rate for rates.
#     query: sum(rate(orders_total{{namespace=~$namespace,pod=~$pods}}[$rate]))
#     unit: count/s           # or bytes, bytes/s, bits/s, percent, seconds, cores, count, ops/s
#     legend: ""              # a line's name, such as {{{{pod}}}}; all its labels when empty
#     scope: app              # needs --app; or node, or cluster
#     thresholds:
#       - value: 0.5
#         text: hardly any
#         tone: warn          # or bad
#         below: true         # lower is worse
#     zero: true              # the axis begins at 0
#     most: 100               # and ends there
#     description: What customers order.
#     needs: the shop's own metrics     # said when there is no data
#     alerts: [ShopHasNoOrders]         # their threads show this graph

# commands: [ourcompany.onprem_commands]    # your own commands: Python modules

# helm:
#   executable: /usr/local/bin/helm     # default: PATH, then the bundled one
#   timeout: 5m
"""


def text(*, state: str, host: str, user: str) -> str:
    """The example for this host: where the state lies, and who its first admin is."""
    quoted = {"state": state, "person": user, "actor": f"os:{host}/{user}"}
    return EXAMPLE.format(**{key: json.dumps(value) for key, value in quoted.items()})


def write(path: Path, content: str) -> None:
    """Writes a new configuration, readable by owner and group only.

    Raises:
        Refused: If the file is there already, or its folder cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    except FileExistsError:
        raise Refused(
            f"{path} is not written", why="it is there already", hint="Choose another path"
        ) from None
    except OSError as error:
        raise Refused(f"{path} cannot be written", why=error.strerror or str(error)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
