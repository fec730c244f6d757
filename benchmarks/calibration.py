"""Do the statistics keep their promises? Simulated studies of our sizes: `python -m benchmarks.calibration`.

An interval of 95 % should hold the true value in 93 to 97 of 100 studies, a test at 5 % should find something in 4 to
6 of 100 in which there is nothing. Exact sign flips come in steps: `attainable` is the nearest rate below 5 % that so
many clusters allow, and with fewer than six it is 0. Adapters that know nothing should win 1 of 8 countries.
"""

import argparse
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.diagonal import diagonal
from culturepark.benchmarks.statistics import crossed_interval, paired_interval, sign_flip_p
from culturepark.runtime.console import print_table

SIZES: Final[dict[str, tuple[int, ...]]] = {
    "wvs7, one culture": (8, 7, 5),
    "wvs7, eight cultures": (64, 56, 40),
    "wvs7 and 60 of GlobalOpinionQA": (8, 7, 5, *(1,) * 60),
    "eight data sets": (20,) * 8,
}

CROSSED: Final = ((3, 3), (4, 3), (5, 5))
"""Sets of talks, and trainings on each."""


class Checked(NamedTuple):
    """What came of the simulated studies of one size."""

    covered: float
    """Share of intervals that hold the true value."""
    found: float
    """Share of studies in which p <= 0.05 though there is nothing."""
    attainable: float
    """Largest rate up to 5 % that exact sign flips can have."""


def check(sizes: Sequence[int], *, between: float, studies: int, seed: int, resamples: int = 999) -> Checked:
    """Simulate paired differences of mean 0: an effect of each cluster and one of each pair, both normal."""
    rng = np.random.default_rng(seed)
    labels = [str(cluster) for cluster, size in enumerate(sizes) for _ in range(size)]
    covered = found = 0
    for study in range(studies):
        values = np.concatenate([rng.normal(0, between) + rng.normal(0, 1, size) for size in sizes])
        interval = paired_interval(list(values), labels, seed=study, resamples=resamples)
        p = sign_flip_p(list(values), labels, seed=study, resamples=resamples)
        assert interval is not None
        assert p is not None
        covered += interval.low <= 0 <= interval.high
        found += p <= 0.05
    step = 2.0 ** (1 - len(sizes))
    return Checked(covered / studies, found / studies, int(0.05 / step) * step)


def check_crossed(talks: int, trainings: int, *, studies: int, seed: int, resamples: int = 999) -> float:
    """Share of crossed intervals that hold the true value 0: an effect of the talks, of the training, of the model."""
    rng = np.random.default_rng(seed)
    rows = [str(talk) for talk in range(talks) for _ in range(trainings)]
    columns = [str(training) for _ in range(talks) for training in range(trainings)]
    covered = 0
    for study in range(studies):
        values = rng.normal(0, 1, (talks, 1)) + rng.normal(0, 1, (1, trainings)) + rng.normal(0, 1, (talks, trainings))
        interval = crossed_interval(list(values.ravel()), rows, columns, seed=study, resamples=resamples)
        assert interval is not None
        covered += interval.low <= 0 <= interval.high
    return covered / studies


def null_wins(*, studies: int, seed: int, cultures: int = 8) -> float:
    """Mean share of countries that adapters win whose similarities are noise."""
    rng = np.random.default_rng(seed)
    names = [str(number) for number in range(cultures)]
    homes = {name: name for name in names}
    shares = []
    for _ in range(studies):
        near = {(one, other): float(rng.normal()) for one in names for other in names}
        seen = diagonal(near, homes)
        assert seen is not None
        shares.append(seen.wins / cultures)
    return float(np.mean(shares))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = [
        (name, len(sizes), between, *check(sizes, between=between, studies=given.studies, seed=given.seed))
        for name, sizes in SIZES.items()
        for between in (0.3, 1.0)
    ]
    print_table(("study", "clusters", "spread of clusters", "covered", "found", "attainable"), rows)
    crossed = [
        (
            f"{talks} talks x {trainings} trainings",
            check_crossed(talks, trainings, studies=given.studies, seed=given.seed),
        )
        for talks, trainings in CROSSED
    ]
    print_table(("models of several seeds", "covered"), crossed)
    wins = null_wins(studies=given.studies, seed=given.seed)
    print_table(("null adapters", "share of diagonal wins", "chance"), [("8 cultures", wins, 1 / 8)])


if __name__ == "__main__":
    main()
