"""Dated rules of accountability, one a file, and how any of them is written."""
