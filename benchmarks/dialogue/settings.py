"""What is measured in a run's talks, and who judges."""

from typing import Final, Literal, get_args

from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER
from culturepark.runtime.record import Record

Measure = Literal["told", "near", "heard", "control", "kinds", "understanding"]
"""`control` is what shows whether the judge can hear at all; it comes with `heard`."""
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
PROBES: Final[frozenset[Measure]] = frozenset({"told", "near"})
"""What the talking model is asked; the judge is asked the others."""


class DialogueSettings(Record):
    """Section `dialogue` of a study's `bench`."""

    measures: tuple[Measure, ...] = MEASURES
    """Those that need a model; what needs none is always measured."""
    judge: str | None = None
    """As after `--judge-model`; needed for `heard`, `kinds` and `understanding`."""
    same_judge: bool = False
    """Whether a model may judge its own talks; it finds its own words plausible, so this is no independent reading."""
    embedder: str = DEFAULT_EMBEDDER
