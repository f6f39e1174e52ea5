"""What commands about backups share, and the watch over all runs of Velero.

Packages in layers, each knowing only those below it: `watch` | `drills` | `restores` | `checks` |
`backups` | `which` | `words`. What one command alone says or shows belongs in `commands/`.
"""
