"""What several trials and programmes say together: pooling, and looking again as results arrive."""
