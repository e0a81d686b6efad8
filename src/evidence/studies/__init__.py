"""What a notebook calls: a plan and its data, read once, and its answers."""
