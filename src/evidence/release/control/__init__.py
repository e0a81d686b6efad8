"""Disclosure control: what of a table may leave."""
