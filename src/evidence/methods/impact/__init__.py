"""Programmes that nobody randomised: who took part, what changed, and what else it might be."""
