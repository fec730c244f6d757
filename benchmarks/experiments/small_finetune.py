"""Does a model tuned on samples beat the persona prompt, and the baselines of the training stage? On two tasks."""

from collections.abc import Mapping, Sequence
from typing import Final

from culturepark.benchmarks.experiments import moderated
from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, MODERATION, Step, Talks
from culturepark.benchmarks.experiments.tuning import analysis, equalised, rows_of, tuned
from culturepark.benchmarks.experiments.verdict import corrected
from culturepark.training.row import Row
from culturepark.training.settings import Mode

TALKS: Final = "talks"
TUNED: Final = "culturepark"
MODES: Final[Mapping[str, Mode]] = {
    "culturepark": "culturepark",
    "placebo": "placebo",
    "answer": "answer",
    "distribution": "distribution",
    "direct": "direct",
    "augment": "augment",
}


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run of talks; each arm's rows from it in another training mode; both tasks on every arm.

    Raises:
        CultureParkError: When a moderation set cannot be had.
    """

    def rows() -> dict[str, Sequence[Row]]:
        arms = {arm: rows_of(setup, TALKS, mode=MODES[arm]) for arm in setup.arms if arm != BASE}
        return dict(equalised(arms, setup))

    moderation = moderated.moderation_settings(setup)
    return tuned(setup, [Talks(TALKS, setup.study(TALKS))], rows, moderation=moderation)


def analyse(setup: Setup) -> Analysis:
    """The gain over the persona prompt on each task; then over each baseline."""
    baselines = [arm for arm in setup.arms if arm not in {TUNED, BASE}]
    others = [*((TUNED, arm) for arm in baselines), *((arm, BASE) for arm in baselines)]
    found = analysis(setup, setup.design.test.contrast, TUNED, BASE, others)
    more = moderated.secondary(setup, TUNED, BASE, others)
    return found.model_copy(
        update={
            "further": {MODERATION: moderated.finding(setup, TUNED, BASE)},
            "secondary": corrected([*found.secondary, *more]),
            "tables": (*found.tables, *moderated.tables(setup, TUNED, BASE)),
            "notes": (*found.notes, moderated.data_note(setup)),
        }
    )
