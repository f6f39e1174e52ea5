"""What commands share about apps: where they are, which values they get, how a roll-out goes.

A layer below `commands` and above the integrations. It knows Kubernetes and Helm through the
clients that `Ctx` hands out, and nothing of Slack, permissions or how steps are kept.
"""
