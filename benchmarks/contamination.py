"""No text that a model was trained on is measured with: texts are compared by hash, blind to case and spacing."""

from collections.abc import Collection
from pathlib import Path

from culturepark.benchmarks.task import BenchSettings
from culturepark.training.filters import text_hash, text_hashes
from culturepark.training.row import read_rows


def trained_texts(settings: BenchSettings) -> frozenset[str]:
    """Hashes of all texts, and of all their lines, of the rows named in `trained_on`."""
    return frozenset().union(*(text_hashes(read_rows(Path(path))) for path in settings.trained_on))


def was_trained_on(text: str, trained: Collection[str]) -> bool:
    """Whether a text was trained on: as a whole, or line by line inside a longer one.

    A line alone says nothing: many questions of a set begin with the same one.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    return text_hash(text) in trained or (len(lines) > 1 and all(text_hash(line) in trained for line in lines))
