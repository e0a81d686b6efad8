"""What may leave the private zone, and how."""
