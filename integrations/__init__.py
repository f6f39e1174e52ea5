"""Clients of the systems outside: Kubernetes, Helm, MongoDB, Prometheus and others.

What belongs here: talking to one outside system, its frozen result types, and its errors
translated into sentences. What does not: Slack, permissions, state, wording of replies.
Nothing in here imports from ``bot``.
"""
