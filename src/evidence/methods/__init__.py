"""Numbers: each estimate with its interval."""
