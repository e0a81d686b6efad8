"""Releases: proposed, checked, written, read and taken back."""
