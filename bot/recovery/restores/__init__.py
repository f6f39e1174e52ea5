"""Restores: what one would meet, its plan in words, and its run in durable steps."""
