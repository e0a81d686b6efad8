"""What every method needs: a caller's columns, results, balance, specifications."""
