"""The practice world: outside systems played in Python. Nothing here is part of the product."""
