"""Helm, run as a short subprocess: releases, their history, rendering, recovery after a kill.

What belongs here: the helm binary, its processes, its errors in sentences, comparing manifests.
What does not: following workloads (``integrations.kubernetes``), deciding what to deploy.
``pyhelm3`` is imported in ``command`` only.
"""
