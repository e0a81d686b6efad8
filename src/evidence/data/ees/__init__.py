"""Explore education statistics: pairs of data and metadata, and the rules they must keep."""
