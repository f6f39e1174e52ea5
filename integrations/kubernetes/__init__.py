"""The Kubernetes API, spoken in raw JSON: reads, patches, watches, exec, roll-outs.

What belongs here: requests, their errors, and what can be computed from objects. What does
not: deciding what to change, wording for chat, Helm. The SDK is imported in ``sdk`` only, and
its typed API classes never (they cost 60–80 MB and drop unknown fields).
"""
