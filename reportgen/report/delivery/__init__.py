"""Delivery of a report: as a folder, an archive or a single file, and the check that a folder is unchanged."""
