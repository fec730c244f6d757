"""What became of an opinion: its verdict, the one that stands for it, the sample it is in."""

from typing import NamedTuple

from culturepark.postprocess.annotate.report import standing
from culturepark.postprocess.judged import judged_words
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample, sample_id
from culturepark.postprocess.tables import load_opinions, load_sample
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Store


class Fate(NamedTuple):
    """One opinion's way."""

    opinion: Opinion
    kept: Opinion | None
    """The one that stands for it, when it was merged."""
    sample: Sample | None
    """None for a dropped one."""
    words: tuple[str, ...]
    """How it was read, judged and reworded, line by line."""


def load_fate(store: Store, opinion: str) -> Fate:
    """Follow an opinion.

    Raises:
        CultureParkError: When the run has none of this id, as after another refinement.
    """
    found = load_opinions(store, ids=[opinion])
    if not found:
        raise CultureParkError(f"{store.folder}: there is no opinion {opinion!r} (any more); load the page again")
    (own,) = found
    kept = next(iter(load_opinions(store, ids=[own.kept])), None) if own.kept is not None else None
    sample = load_sample(store, sample_id(kept or own)) if own.is_verified else None
    return Fate(own, kept, sample, tuple(judged_words(own, standing(store, found).words)))
