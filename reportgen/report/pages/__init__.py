"""Findings to pages: one module builds each kind of page, out of pieces that several share."""
