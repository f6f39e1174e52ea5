"""The patch forms: merge, strategic merge, JSON patch and server-side apply.

Functions on plain JSON; none of them knows of the store or of HTTP.
"""
