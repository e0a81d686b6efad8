"""Journeys in a real browser; a package, so that its modules may be called like those above."""
