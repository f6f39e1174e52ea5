"""Taking backups and keeping schedules, and what a finished backup really holds."""
