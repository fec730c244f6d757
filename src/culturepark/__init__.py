"""Simulate conversations between cultures and build culture-aware language models from them."""
