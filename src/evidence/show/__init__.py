"""Tidy frame in; figure, table or sentence out."""
