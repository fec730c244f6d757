"""Developer benchmarks; run as `python -m benchmarks.training.NAME` from the project's root."""
