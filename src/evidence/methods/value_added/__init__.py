"""What contextually similar pupils and schools achieve."""
