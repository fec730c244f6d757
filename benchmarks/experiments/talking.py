"""What experiments about talks share: arms as runs, talks paired by their seeds, values of the dialogue suite."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Final

from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.verdict import Pair
from culturepark.benchmarks.results import load_results
from culturepark.benchmarks.suites import DIALOGUE
from culturepark.benchmarks.task import SuiteResult
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript

Seed = tuple[str, str, int]
"""Question, delegates' cultures, replicate: where two talks of different arms begin alike."""
FEWEST: Final = 2


def load_arm(setup: Setup, arm: str) -> list[Transcript]:
    """Complete talks of an arm.

    Raises:
        CultureParkError: When there are none.
    """
    with closing(open_store(setup.run(arm), create=False)) as store:
        talks = load_transcripts(store, status="complete")
    if not talks:
        raise CultureParkError(
            f"{setup.design.name}: arm {arm!r} has no complete talk; run the same command again, or add --model with "
            "one that finishes its talks"
        )
    return talks


def seed_of(talk: Transcript) -> Seed:
    """What a talk shares with its partners in other arms."""
    cultures = sorted({seat.culture.id for seat in talk.seats if seat.role == "delegate"})
    return talk.seed.id, "+".join(cultures), talk.replicate


def paired(
    one: Sequence[Transcript], other: Sequence[Transcript], value: Callable[[Transcript], float | None]
) -> list[Pair]:
    """Differences between talks that begin alike, clustered by question; without those where one has no value."""
    there = {seed_of(talk): talk for talk in other}
    pairs: list[Pair] = []
    for talk in one:
        partner = there.get(seed_of(talk))
        if partner is None:
            continue
        mine, theirs = value(talk), value(partner)
        if mine is not None and theirs is not None:
            pairs.append(Pair(mine - theirs, talk.seed.id))
    return pairs


def meters(setup: Setup, arm: str) -> SuiteResult:
    """The dialogue suite's result on an arm's talks.

    Raises:
        CultureParkError: When it was not run.
    """
    with closing(open_store(setup.run(arm), create=False)) as store:
        found = [one for one in load_results(store) if one.suite == DIALOGUE]
    if not found:
        raise CultureParkError(f"{setup.design.name}: arm {arm!r} was not measured; run the same command again")
    return found[0]


def values(result: SuiteResult, name: str) -> Mapping[str, float]:
    """A measure of the dialogue suite by talk."""
    prefix = f"{name}/"
    return {
        item.id.removeprefix(prefix): item.value
        for item in result.items
        if item.id.startswith(prefix) and item.value is not None
    }
