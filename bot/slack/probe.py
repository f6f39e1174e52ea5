"""Whether Slack takes the configured tokens, for `check`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import aiohttp
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
    settings: SlackConfig, scopes: Collection[str], *, sockets: int | None
) -> tuple[bool, str]:
    """Asks Slack about the bot's token and its scopes.

    The app-level token is good when a socket is open. Nothing but opening one would prove it, and
    Slack may allow only one such call a minute: a check right before a start must not take it.

    Args:
        settings: The token and where Slack is.
        scopes: What the app manifest asks for.
        sockets: How many sockets the running bot has open; None when it does not run.

    Returns:
        Whether all of it works, and a sentence or two.
    """
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    token = settings.bot_token.get_secret_value() if settings.bot_token else ""
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        client = AsyncWebClient(
            token=token, base_url=settings.api_url, session=session, retry_handlers=[]
        )
        try:
            answer = await client.auth_test()
        except SlackApiError as error:
            why = str(error.response["error"])
            return False, f"Slack refuses bot_token: {_WORDS.get(why, why)}."
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            return False, f"Slack cannot be reached at {settings.api_url}: {why}."
    if missing := _missing(scopes, answer.headers):
        names = ", ".join(sorted(missing))
        return False, f"The app lacks {names}. Bring it up to `onprem manifest` and reinstall it."
    who = f"{answer['user']} in {answer['team']}"
    if settings.mode == "http":
        return True, f"{who}."
    if sockets is None:
        return True, f"{who}. The app token is tried when the bot starts."
    if not sockets:
        return False, f"{who}, but no socket is open. The bot's log says why; is app_token right?"
    return True, f"{who}, {sockets} socket{'s' if sockets > 1 else ''} open."


def _missing(scopes: Collection[str], headers: Mapping[str, str]) -> set[str]:
    """Scopes that the token lacks; Slack names those it has in a header of each answer."""
    named = next((v for k, v in headers.items() if k.lower() == "x-oauth-scopes"), None)
    if named is None:
        return set()
    return set(scopes) - {scope.strip() for scope in named.split(",")}
