"""Fork a talk of a run: what is wished for becomes a planned talk, which is then held."""

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, JsonValue

from culturepark.personas import load_roster, load_survey
from culturepark.protocols.catalogue import LoadedProtocol, load_protocol
from culturepark.runtime.budget import Budget
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger, Tally, spent_before
from culturepark.runtime.models.opening import open_model
from culturepark.runtime.models.spec import ModelSpec
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store
from culturepark.simulation.fork import plan_fork, swapped_seats
from culturepark.simulation.run import simulate
from culturepark.simulation.saved import SavedStudy, load_saved, model_to_ask
from culturepark.simulation.talks import add_talks, position_of, statuses
from culturepark.simulation.transcript import IMPORTED, Transcript


class ForkWishes(Record):
    """What a user asks for; None and empty keep what the parent has."""

    at: int
    """Index of the first turn that is new; with `say`, of the edited one."""
    protocol: str | None = None
    """A name, or `./file.py:Class`."""
    protocol_args: dict[str, JsonValue] = Field(default_factory=dict)
    personas: dict[str, str] = Field(default_factory=dict)
    """Persona id of a seat to the id of the one who takes it."""
    model: str | None = None
    base_url: str | None = None
    say: str | None = None
    """What is said at that turn instead."""


class PlannedFork(NamedTuple):
    """A fork, with what is needed to hold it."""

    parent: Transcript
    fork: Transcript
    study: SavedStudy
    protocol: LoadedProtocol
    model: ModelSpec
    base_url: str | None


def wish_fork(store: Store, parent: Transcript, wishes: ForkWishes) -> PlannedFork:
    """Plan a fork as wished for; nothing is written, and no model is asked.

    Raises:
        CultureParkError: For a turn, protocol, persona or model that cannot be.
    """
    study = load_saved(store.folder, model=wishes.model)
    protocol = _protocol(parent, wishes)
    roster = load_roster([Path(folder) for folder in study.persona_folders])
    seats = swapped_seats(parent, wishes.personas, roster, load_survey(study.simulate.source))
    spec, address = model_to_ask(study, parent.model, model=wishes.model, base_url=wishes.base_url)
    fork = plan_fork(
        parent,
        at=wishes.at,
        protocol=protocol,
        model=spec.identity,
        sampling=study.simulate.sampling,
        swaps=seats,
        say=wishes.say,
    )
    return PlannedFork(parent, fork, study, protocol, spec, address)


async def hold_fork(store: Store, planned: PlannedFork, *, tally: Tally, progress: Reporter) -> None:
    """Write a fork down and hold what is new of it, turn by turn; what is said already is not asked for again.

    Each turn is a transaction of its own, so that another process may hold other talks of the run meanwhile.

    Raises:
        BudgetSpentError: When the run's budget does not suffice.
        CultureParkError: When the model cannot be used at all.
    """
    study = planned.study
    async with open_model(planned.model, base_url=planned.base_url, timeout=study.limits.timeout) as opened:
        budget = Budget(study.budget, spent=spent_before(store))
        ledger = Ledger(store, opened.endpoint, budget=budget, limits=study.limits, tally=tally, tell=note)
        if not statuses(store, [planned.fork.id]):
            add_talks(store, [planned.fork], position=position_of(store, planned.parent.id))
        await simulate(
            store,
            ledger,
            [planned.fork.id],
            planned.protocol,
            sampling=study.simulate.sampling,
            concurrency=1,
            progress=progress,
        )


def _protocol(parent: Transcript, wishes: ForkWishes) -> LoadedProtocol:
    """The protocol to go on with: another one, or the parent's with other arguments."""
    if wishes.protocol is not None:
        return load_protocol(wishes.protocol, wishes.protocol_args)
    if parent.protocol.name == IMPORTED:
        raise CultureParkError(f"talk {parent.id} was imported, so nothing says who speaks next; add --protocol NAME")
    return load_protocol(parent.protocol.name, {**parent.protocol.args, **wishes.protocol_args})
