"""Papers for a board: what the current release says, set as councils write it."""
