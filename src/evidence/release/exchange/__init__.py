"""Bundles, and evidence bases of several hubs."""
