"""Experiments: a claim written before the data, its test, and a verdict."""
