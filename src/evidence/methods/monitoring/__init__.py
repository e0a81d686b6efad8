"""Watching figures over time and beside others: what differs, and what is noise."""
