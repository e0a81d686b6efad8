"""The evidence base as a site."""
