"""What a user would write first: a synchronous slack-bolt app that acknowledges, then works 4 s."""

from __future__ import annotations

import os
import time
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient


def main() -> None:
    """Serves until it is ended."""
    app = App(client=WebClient(token=os.environ["BOT"], base_url=os.environ["API"]))

    @app.command("/onprem")
    def work(ack: Any) -> None:
        ack()
        time.sleep(4)

    handler = SocketModeHandler(app, os.environ["APP"])
    handler.connect()  # type: ignore[no-untyped-call]
    print("ready", flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
