"""Velero, through its custom resources only: backups, restores, schedules, storage.

What belongs here: Velero's objects as records, requests to its server, what it stored about a
run, its errors in sentences. What does not: which app a backup is for, wording for chat,
drills. No velero binary is needed. Facts are Velero 1.18's unless said otherwise.
"""
