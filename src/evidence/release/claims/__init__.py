"""What the claims of a report lack, as a checklist for its reviewer."""
