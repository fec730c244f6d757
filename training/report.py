"""What became of every row: a funnel whose counts add up, the distance to the survey, the tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence

from culturepark.runtime.record import Record
from culturepark.training.from_samples import Made
from culturepark.training.row import Kind, Row
from culturepark.training.settings import Mode, Weight
from culturepark.training.tokens import Generation
from culturepark.training.weighting import CellReport

TALKS_ENOUGH = 10
"""Talks of a cell from which its answers are promised to be near the country's."""
NEAR_ENOUGH = 0.05


class KindFunnel(Record):
    """Counts of one kind of row."""

    kind: Kind
    candidates: int
    """Samples (or draws from counts) that could have given a row."""
    without: dict[str, int]
    """Those that gave none, by reason; `stands_in_another`: the same words, counted in the weight of another row."""
    rows: int
    dropped: dict[str, int]
    """Rows left out, by reason; `weighted_out`: others say the same answer, and together they are common enough."""
    validation: int
    training: int

    def check(self) -> None:
        """Hold the counts to each other: every candidate is a row or has a reason, and so has every row."""
        assert self.candidates == self.rows + sum(self.without.values()), self
        assert self.rows == self.training + self.validation + sum(self.dropped.values()), self


class Steps:
    """Counts rows by kind as they pass the steps."""

    def __init__(self, made: Mapping[Kind, Made]) -> None:
        self._made = made
        self._dropped: dict[Kind, Counter[str]] = {kind: Counter() for kind in made}

    def passed(self, reason: str, before: Sequence[Row], after: Sequence[Row]) -> None:
        """Count what a step left out."""
        lost = Counter(row.kind for row in before)
        lost.subtract(row.kind for row in after)
        for kind, count in lost.items():
            self._dropped[kind][reason] += count

    def funnels(self, training: Sequence[Row], validation: Sequence[Row]) -> tuple[KindFunnel, ...]:
        """The funnel of each kind, checked."""
        trained, watched = (Counter(row.kind for row in rows) for rows in (training, validation))
        found = tuple(
            KindFunnel(
                kind=kind,
                candidates=len(made.rows) + sum(made.without.values()),
                without=dict(made.without),
                rows=len(made.rows),
                dropped={reason: count for reason, count in self._dropped[kind].items() if count},
                validation=watched[kind],
                training=trained[kind],
            )
            for kind, made in self._made.items()
        )
        for funnel in found:
            funnel.check()
        return found


class SetSize(Record):
    """How large one model's training set is."""

    name: str
    """The culture, or `all`."""
    rows: int
    counted: int
    """Rows, each as often as it counts: what one pass goes through."""
    tokens: int
    """Of one pass, estimated."""
    validation_rows: int
    validation_tokens: int


class DatasetReport(Record):
    """What rows were made, from what, and at what distance to the survey."""

    mode: Mode
    weight: Weight
    prompt: str
    """Hash of the prompts the rows are worded with: the model is asked with the same."""
    sets: tuple[SetSize, ...]
    exact_tokens: bool
    """Whether tokens were counted by the tokenizer of the model that is trained; estimated otherwise."""
    funnel: tuple[KindFunnel, ...]
    cells: tuple[CellReport, ...]
    generation: Generation
    """What making the rows took, from the ledger."""
    notes: tuple[str, ...]

    @property
    def farthest(self) -> CellReport | None:
        """The cell whose answers are farthest from its country's."""
        return max(self.cells, key=lambda cell: cell.emd, default=None)

    @property
    def promise(self) -> str:
        """Whether the cells with enough talks are as near to their country as promised, in words."""
        many = [cell for cell in self.cells if cell.talks >= TALKS_ENOUGH]
        if not many:
            return f"no cell has {TALKS_ENOUGH} talks yet"
        worst = max(many, key=lambda cell: cell.emd)
        kept = "at most" if worst.emd <= NEAR_ENOUGH else "more than"
        return f"of the {len(many)} cells with at least {TALKS_ENOUGH} talks {worst.emd:.3f}, {kept} {NEAR_ENOUGH}" + (
            "" if worst.emd <= NEAR_ENOUGH else "; what was never said cannot be weighted in"
        )

    def funnel_rows(self) -> list[tuple[str, str, int]]:
        """The funnel as a table: kind, step, count."""
        rows: list[tuple[str, str, int]] = []
        for one in self.funnel:
            rows += [
                (one.kind, "candidates", one.candidates),
                *((one.kind, f"  without a row: {reason}", count) for reason, count in one.without.items()),
                (one.kind, "rows", one.rows),
                *((one.kind, f"  left out: {reason}", count) for reason, count in one.dropped.items()),
                (one.kind, "  validation", one.validation),
                (one.kind, "training rows", one.training),
            ]
        return rows
