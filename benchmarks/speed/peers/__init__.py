"""One small script a peer: the same talks in that library's own natural way, run by its own environment's Python."""
