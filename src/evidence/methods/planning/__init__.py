"""A trial before it starts: what it could find, and who is allocated to which arm."""
