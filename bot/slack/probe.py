"""Whether Slack takes the configured tokens, for `check`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import SlackConfig

_SECONDS = 5.0
_WORDS = {
    "invalid_auth": "the token is not valid",
    "not_authed": "there is no token",
    "token_revoked": "the token was revoked",
    "account_inactive": "the app was removed from the workspace",
    "not_allowed_token_type": "it is a token of another kind",
}


async def probe_slack(
    settings: SlackConfig, scopes: Collection[str], *, open_socket: bool
) -> tuple[bool, str]:
    """Asks Slack about both tokens and the scopes of the bot's.

    Args:
        settings: The tokens and where Slack is.
        scopes: What the app manifest asks for.
        open_socket: Prove the app-level token by asking for a connection. A bot that runs needs
            no proof, and Slack may allow only one such call a minute.

    Returns:
        Whether all of it works, and a sentence or two.
    """
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = AsyncWebClient(
            token=_secret(settings.bot_token),
            base_url=settings.api_url,
            session=session,
            retry_handlers=[],
        )
        token = "bot_token"  # noqa: S105 - a name, not a secret
        try:
            answer = await client.auth_test()
            missing = _missing(scopes, answer.headers)
            token = "app_token"  # noqa: S105
            if open_socket and settings.mode == "socket":
                await client.apps_connections_open(app_token=_secret(settings.app_token))
        except SlackApiError as error:
            why = str(error.response["error"])
            if why != "ratelimited":
                return False, f"Slack refuses {token}: {_WORDS.get(why, why)}."
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            return False, f"Slack cannot be reached at {settings.api_url}: {why}."
    if missing:
        names = ", ".join(sorted(missing))
        return False, f"The app lacks {names}. Bring it up to `onprem manifest` and reinstall it."
    return True, f"{answer['user']} in {answer['team']}."


def _missing(scopes: Collection[str], headers: Mapping[str, str]) -> set[str]:
    """Scopes that the token lacks; Slack names those it has in a header of each answer."""
    named = next((v for k, v in headers.items() if k.lower() == "x-oauth-scopes"), None)
    if named is None:
        return set()
    return set(scopes) - {scope.strip() for scope in named.split(",")}


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
