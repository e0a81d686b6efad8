"""Numerics on arrays: no column names, no pandas."""
