"""What people see: a neutral document, and one renderer for each surface.

Commands build documents and know no surface; escaping happens only in the renderers.
"""
