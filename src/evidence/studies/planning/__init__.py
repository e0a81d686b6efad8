"""A trial from its promise on: protocol, documents, allocation, explorer, deviations."""
