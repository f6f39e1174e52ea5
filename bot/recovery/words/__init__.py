"""Velero's words and ours: phases, sizes, causes, remarks, lines of logs, lengths of time. Pure."""
