"""When garbage is collected."""

COLLECT_AFTER = 20_000
"""Objects made since the last collection, from which the next is due. A command's imports make that many and keep them
all; with the 700 of Python 3.11 they are looked through again and again."""
