"""Does a model tuned on samples beat the persona prompt, and the baselines of the training stage?"""

from collections.abc import Mapping, Sequence
from typing import Final

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, Step, Talks
from culturepark.benchmarks.experiments.tuning import analysis, equalised, rows_of, tuned
from culturepark.training.row import Row
from culturepark.training.settings import Mode

TALKS: Final = "talks"
MODES: Final[Mapping[str, Mode]] = {
    "culturepark": "culturepark",
    "placebo": "placebo",
    "answer": "answer",
    "distribution": "distribution",
    "direct": "direct",
    "augment": "augment",
}


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run of talks; each arm's rows from it in another training mode."""

    def rows() -> dict[str, Sequence[Row]]:
        arms = {arm: rows_of(setup, TALKS, mode=MODES[arm]) for arm in setup.arms if arm != BASE}
        return dict(equalised(arms, setup))

    return tuned(setup, [Talks(TALKS, setup.study(TALKS))], rows)


def analyse(setup: Setup) -> Analysis:
    """The gain over the persona prompt; then over each baseline."""
    others = [("culturepark", arm) for arm in setup.arms if arm not in {"culturepark", BASE}]
    others += [(arm, BASE) for arm in setup.arms if arm not in {"culturepark", BASE}]
    return analysis(setup, setup.design.test.contrast, "culturepark", BASE, others)
