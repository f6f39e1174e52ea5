"""Which one is meant: the app, the backup of a word, the objects that belong to it, their owner."""
