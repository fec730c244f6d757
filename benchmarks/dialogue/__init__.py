"""Dialogue suite: what happens to stances, topics and people's pictures in the talks of a run."""
