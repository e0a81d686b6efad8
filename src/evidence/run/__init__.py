"""Execute the notebooks with papermill."""
