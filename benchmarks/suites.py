"""The table of suites that measure models. A suite is a folder with `task.yaml`, a README and two functions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from culturepark.benchmarks.asking import Asker
from culturepark.benchmarks.hofstede import suite as hofstede
from culturepark.benchmarks.knowledge import suite as knowledge
from culturepark.benchmarks.moderation import suite as moderation
from culturepark.benchmarks.opinions import suite as opinions
from culturepark.benchmarks.pairing import compare
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
    "hofstede": Suite(hofstede.run, compare),
    "knowledge": Suite(knowledge.run, compare),
    "moderation": Suite(moderation.run, compare),
    "opinions": Suite(opinions.run, compare),
}
DIALOGUE: Final = "dialogue"
"""The suite that measures the talks of the run, and no model; see `culturepark.benchmarks.dialogue.suite`."""


class Chosen(NamedTuple):
    """Suites to run."""

    models: dict[str, Suite]
    """Those that measure models, by name."""
    talks: bool
    """Whether the run's talks are measured, too."""


def chosen_suites(names: Sequence[str]) -> Chosen:
    """Look suites up by name; `all` is every one that measures models.

    Raises:
        CultureParkError: For an unknown name, with the closest known one.
    """
    for name in names:
        if name not in {*SUITES, DIALOGUE, ALL}:
            raise unknown("suite", name, [*SUITES, DIALOGUE, ALL])
    wanted = list(SUITES) if ALL in names else [name for name in dict.fromkeys(names) if name != DIALOGUE]
    return Chosen({name: SUITES[name] for name in wanted}, DIALOGUE in names)
