"""Comparison schools or pupils for those treated: weights and matches."""
