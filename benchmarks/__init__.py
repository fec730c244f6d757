"""Measurement: of models, and (in `refinement/` and `speed/`, outside the wheel) of our own instruments."""
