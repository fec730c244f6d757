"""Classroom lessons: people guess how a culture answered, learn about it, and guess again. Nothing makes guesses."""
