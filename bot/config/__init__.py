"""`onprem.yaml`: its shape, how it is read, and every problem in it at once.

Not here: what a command does with it, and anything that needs a network (`onprem check` does).
"""

from bot.config.alerting import AlertsConfig
from bot.config.loading import ConfigFile, load
from bot.config.models import (
    AliasConfig,
    AppConfig,
    BackupConfig,
    ChannelConfig,
    ClusterConfig,
    Config,
    CredentialsConfig,
    FreezeConfig,
    HelmConfig,
    ProbeConfig,
    RancherConfig,
    SlackConfig,
    StateConfig,
)
from bot.config.servers import PrometheusConfig, ServerConfig
from bot.config.values import parse_duration

__all__ = [
    "AlertsConfig",
    "AliasConfig",
    "AppConfig",
    "BackupConfig",
    "ChannelConfig",
    "ClusterConfig",
    "Config",
    "ConfigFile",
    "CredentialsConfig",
    "FreezeConfig",
    "HelmConfig",
    "ProbeConfig",
    "PrometheusConfig",
    "RancherConfig",
    "ServerConfig",
    "SlackConfig",
    "StateConfig",
    "load",
    "parse_duration",
]
