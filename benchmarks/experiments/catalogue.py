"""The table of experiments. One is a design in `designs/`, and two functions in a module of its name."""

from collections.abc import Mapping
from typing import Final

from culturepark.benchmarks.experiments import (
    conflict,
    human_data,
    refinement,
    self_calibration,
    small_finetune,
    tradeoffs,
)
from culturepark.benchmarks.experiments.running import Experiment

EXPERIMENTS: Final[Mapping[str, Experiment]] = {
    "conflict": Experiment(conflict.plan, conflict.analyse),
    "human_data": Experiment(human_data.plan, human_data.analyse, judged=True),
    "refinement": Experiment(refinement.plan, refinement.analyse, judged=True),
    "self_calibration": Experiment(self_calibration.plan, self_calibration.analyse, judged=True),
    "small_finetune": Experiment(small_finetune.plan, small_finetune.analyse, judged=True),
    "tradeoffs": Experiment(tradeoffs.plan, tradeoffs.analyse, judged=True),
}
