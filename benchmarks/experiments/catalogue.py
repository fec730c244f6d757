"""The table of experiments. One is a design in `designs/`, and two functions in a module of its name."""

from collections.abc import Mapping
from typing import Final

from culturepark.benchmarks.experiments import (
    by_culture,
    conflict,
    human_data,
    low_resource,
    refinement,
    self_calibration,
    small_finetune,
    tradeoffs,
    within_culture,
)
from culturepark.benchmarks.experiments.running import Experiment

EXPERIMENTS: Final[Mapping[str, Experiment]] = {
    "by_culture": Experiment(by_culture.plan, by_culture.analyse, judged=True),
    "conflict": Experiment(conflict.plan, conflict.analyse),
    "human_data": Experiment(human_data.plan, human_data.analyse, judged=True),
    "low_resource": Experiment(low_resource.plan, low_resource.analyse, judged=True),
    "refinement": Experiment(refinement.plan, refinement.analyse, judged=True),
    "self_calibration": Experiment(self_calibration.plan, self_calibration.analyse, judged=True),
    "small_finetune": Experiment(small_finetune.plan, small_finetune.analyse, judged=True),
    "tradeoffs": Experiment(tradeoffs.plan, tradeoffs.analyse, judged=True),
    "within_culture": Experiment(within_culture.plan, within_culture.analyse, judged=True),
}
