"""Randomised trials: what being offered a programme changed, and how well that is known."""
