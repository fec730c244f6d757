"""Developer benchmarks; run as `python -m benchmarks.speed.NAME` from the project's root."""
