"""A study's talks, cell by cell of its factorial: who sits where, under which protocol, written down."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from culturepark.personas.casting import Skipped, cast_talks
from culturepark.personas.roster import Roster
from culturepark.personas.surveys.survey import Survey
from culturepark.protocols.catalogue import LoadedProtocol, load_protocol
from culturepark.runtime.models.spec import parse_model
from culturepark.simulation.plan import plan_talks
from culturepark.simulation.transcript import Transcript
from culturepark.simulation.vary import Cell, check_met, check_people


class PlannedCell(NamedTuple):
    """A cell with its talks before their first turn."""

    cell: Cell
    protocol: LoadedProtocol
    talks: tuple[Transcript, ...]
    cast: frozenset[str]
    """Ids of the cultures and people cast, before a factor put others in their seats."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """Where stances come from more people than the settings ask for, in words."""


def plan_cells(chosen: Sequence[Cell], roster: Roster, survey: Survey, *, seed: int) -> list[PlannedCell]:
    """Cast and write down the talks of every cell, in the order of the cells.

    Raises:
        CultureParkError: For whatever is wrong with a cell's people, questions, protocol or model.
    """
    check_people(chosen, roster)
    planned = [_planned(cell, roster, survey, seed) for cell in chosen]
    check_met(chosen, chain.from_iterable(one.cast for one in planned))
    return planned


def _planned(cell: Cell, roster: Roster, survey: Survey, seed: int) -> PlannedCell:
    protocol = load_protocol(cell.simulate.protocol, cell.simulate.protocol_args)
    identity = parse_model(cell.model).identity
    casting = cast_talks(cell.simulate, roster, survey, seed=seed)
    seated = [cell.seated(talk, roster) for talk in casting.talks]
    talks = plan_talks([talk for talk, _ in seated], cell.simulate, protocol, model=identity, seed=seed, draw=cell.draw)
    noted = tuple(
        talk.model_copy(update={"factors": factors}) if factors else talk
        for talk, (_, factors) in zip(talks, seated, strict=True)
    )
    cast = frozenset(name for talk in casting.talks for seat in talk.seats for name in (seat.id, seat.culture.id))
    return PlannedCell(cell, protocol, noted, cast, casting.skipped, casting.notes)
