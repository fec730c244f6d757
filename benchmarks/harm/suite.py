"""The suite on one model: hate checks and stereotypes."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from culturepark.benchmarks.asking import Asker, count, silence
from culturepark.benchmarks.harm import hatecheck, preferences
from culturepark.benchmarks.harm.hatecheck import HateCase
from culturepark.benchmarks.harm.stereotypes import CROWS_PAIRS, STEREOSET, Sentences
from culturepark.benchmarks.published import Item, Layout
from culturepark.benchmarks.published_sets import ChosenSet, choose_sets
from culturepark.benchmarks.task import BenchSettings, SuiteResult, load_task
from culturepark.runtime.errors import CultureParkError

Kind = TypeVar("Kind", bound=Item)
LAYOUTS: Final[dict[str, Layout[Any]]] = {
    "hatecheck": hatecheck.LAYOUT,
    "stereoset": STEREOSET,
    "crows_pairs": CROWS_PAIRS,
}
CHOSEN_NOT_WEIGHED: Final = (
    "stereotypes by forced choice, which is not the published measure: that weighs sentences by their likelihood "
    "(--scoring likelihood, for models whose weights are here)"
)


async def run(asked: Asker, settings: BenchSettings) -> SuiteResult:
    """Ask about every case, and weigh the sentences of every pair and triple.

    Raises:
        CultureParkError: When there is nothing to ask.
    """
    task = load_task(__package__)
    chosen = choose_sets(settings, __package__, LAYOUTS)
    if not chosen.sets:
        raise CultureParkError("; ".join(chosen.problems))
    judged = await hatecheck.judge(asked, task, _of(chosen.sets, HateCase), settings)
    preferred = await preferences.prefer(asked, task, _of(chosen.sets, Sentences))
    counts = hatecheck.counts(judged) + count([answer for one in preferred for answer in one.answers])
    forced = preferred and asked.scoring == "generate"
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asked.model,
        identity=asked.identity,
        settings=settings,
        counts=counts,
        scores=(*hatecheck.scores(judged), *preferences.scores(preferred, asked.scoring)),
        tables=(*hatecheck.tables(judged), *preferences.tables(preferred, asked.scoring)),
        items=(*hatecheck.items(judged), *preferences.items(preferred)),
        problems=(*chosen.problems, *silence(asked.model, counts)),
        notes=(*chosen.notes, *((CHOSEN_NOT_WEIGHED,) if forced else ())),
    )


def _of(sets: Sequence[ChosenSet[Item]], kind: type[Kind]) -> list[ChosenSet[Kind]]:
    """The sets whose items are of a kind."""
    return [
        ChosenSet(one.name, one.data, tuple(item for item in one.items if isinstance(item, kind)), ())
        for one in sets
        if isinstance(one.items[0], kind)
    ]
