"""Read and check what people hold."""
