"""The Slack edge: Bolt's payloads become requests, documents become messages.

`edge` takes payloads before the acknowledgement, `sockets` and `web` are the two ways they arrive,
`people` knows who asks, `replier` writes messages into the outbox, `sender` delivers them.
No command and no rule lives here.
"""
