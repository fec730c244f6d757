"""What `bench dialogue` read of each speaker's stance, turn by turn."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import sqlalchemy as sa

from culturepark.benchmarks.results import BenchResult
from culturepark.benchmarks.task import SuiteResult
from culturepark.runtime.read_only import looking

SUITE: Final = "dialogue"
DRIFT: Final = "drift"
"""Title of the suite's table with columns `talk turn seat meter distance`: how far a speaker is from where they should
be, as a fraction of the scale."""
Meter = Literal["told", "near", "heard"]
METERS: Final[tuple[Meter, ...]] = ("told", "near", "heard")


class Reading(NamedTuple):
    """One reading."""

    turn: int
    seat: str
    meter: Meter
    distance: float


@lru_cache(maxsize=2)
def readings(run: Path, _stamp: str) -> Mapping[str, tuple[Reading, ...]]:
    """Readings of the first model by talk; empty before the suite was run. Those before the first turn are left out."""
    table = cast(sa.Table, BenchResult.__table__)
    query = sa.select(table.c.result).where(table.c.suite == SUITE).order_by(table.c.place, table.c.identity).limit(1)
    with looking(run) as store, store.engine.connect() as connection:
        kept = connection.scalar(query.where(table.c.run_id == store.run_id))
    if kept is None:
        return {}
    found: dict[str, list[Reading]] = defaultdict(list)
    for one in SuiteResult.model_validate_json(kept).tables:
        if one.title != DRIFT:
            continue
        talk, turn, seat, meter, distance = (
            one.columns.index(name) for name in ("talk", "turn", "seat", "meter", "distance")
        )
        for row in one.rows:
            number, at = row[turn], row[distance]
            if isinstance(at, int | float) and isinstance(number, int) and number >= 0 and row[meter] in METERS:
                reading = Reading(number, str(row[seat]), cast(Meter, row[meter]), float(at))
                found[str(row[talk])].append(reading)
    return {name: tuple(rows) for name, rows in found.items()}
