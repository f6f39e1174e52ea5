"""Drills: a backup is restored beside the live app, behind walls, proved, and removed."""
