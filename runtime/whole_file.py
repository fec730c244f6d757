"""Files that appear whole or not at all: a reader, or a kill in between, finds the old one or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a hidden place beside `path` to write to; what is there takes the path when the block ends well.

    Each process has a place of its own: several may write the same file, and the last one's stays.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
