"""The table of suites. A suite is a folder with `task.yaml`, a README and two functions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from culturepark.benchmarks.asking import Asker
from culturepark.benchmarks.forgetting import suite as forgetting
from culturepark.benchmarks.harm import suite as harm
from culturepark.benchmarks.hofstede import suite as hofstede
from culturepark.benchmarks.knowledge import suite as knowledge
from culturepark.benchmarks.moderation import suite as moderation
from culturepark.benchmarks.opinions import suite as opinions
from culturepark.benchmarks.pairing import compare
from culturepark.benchmarks.parts import compare_parts
from culturepark.benchmarks.task import BenchSettings, SuiteResult, Table
from culturepark.runtime.errors import unknown

ALL = "all"


class Suite(NamedTuple):
    """How a suite is run on one model, and what is said of several models together."""

    run: Callable[[Asker, BenchSettings], Awaitable[SuiteResult]]
    """Parts that cannot be measured are `problems` of the result; a mistake that leaves nothing to measure is a
    `CultureParkError`."""
    compare: Callable[[Sequence[SuiteResult], BenchSettings], tuple[Table, ...]]
    """Tables over the results of this suite of several models."""


SUITES: Mapping[str, Suite] = {
    "forgetting": Suite(forgetting.run, compare_parts),
    "harm": Suite(harm.run, compare_parts),
    "hofstede": Suite(hofstede.run, compare),
    "knowledge": Suite(knowledge.run, compare),
    "moderation": Suite(moderation.run, compare),
    "opinions": Suite(opinions.run, compare),
}


def chosen_suites(names: Sequence[str]) -> dict[str, Suite]:
    """Look suites up by name; `all` is every one.

    Raises:
        CultureParkError: For an unknown name, with the closest known one.
    """
    wanted = list(SUITES) if ALL in names else list(dict.fromkeys(names))
    for name in wanted:
        if name not in SUITES:
            raise unknown("suite", name, [*SUITES, ALL])
    return {name: SUITES[name] for name in wanted}
