"""Developer benchmarks; run as `python -m benchmarks.refinement.NAME` from the project's root."""
