"""What today's persona files, protocols, prompt templates and settings would make of a talk that was held before."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from culturepark.personas.question import Question
from culturepark.personas.roster import load_roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import stance_from
from culturepark.personas.surveys.survey import load_survey
from culturepark.personas.talk_language import worded
from culturepark.protocols.base import TurnProtocol
from culturepark.protocols.catalogue import LoadedProtocol, load_protocol
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.request import Sampling
from culturepark.simulation.cells import plan_cells
from culturepark.simulation.plan import protocol_used, shared_inputs, spoken_inputs
from culturepark.simulation.saved import SavedStudy
from culturepark.simulation.transcript import IMPORTED, Transcript
from culturepark.simulation.vary import cells


class Rebuilt(NamedTuple):
    """A talk as today's inputs would plan it: the id and the turns are the recorded ones, `inputs` are today's."""

    plan: Transcript
    protocol: TurnProtocol
    sampling: Sampling


class _Planned(NamedTuple):
    """A talk of today's plan."""

    talk: Transcript
    protocol: LoadedProtocol
    sampling: Sampling


class Today:
    """Rebuilds a run's talks from its study. Everything is loaded once."""

    def __init__(self, study: SavedStudy) -> None:
        """Load what the study names.

        Raises:
            CultureParkError: When a file it needs is missing or wrong.
        """
        self._study = study
        self._roster = load_roster([Path(folder) for folder in study.persona_folders])
        self._survey = load_survey(study.simulate.source)
        chosen = cells(study.vary, study.simulate, study.model)
        self._planned = {
            _place(talk): _Planned(talk, one.protocol, one.cell.simulate.sampling)
            for one in plan_cells(chosen, self._roster, self._survey, seed=study.seed)
            for talk in one.talks
        }

    def of(self, recorded: Transcript, *, line: Sequence[Transcript] = ()) -> Rebuilt:
        """Rebuild one talk.

        `line` holds the talks a fork descends from, as far as the run has them. A talk is found in today's plan by
        question, cultures, number and factors; one that is not planned any more is rebuilt from today's files all the
        same.
        """
        root = next((talk for talk in line if talk.id == recorded.root), recorded)
        is_ours = root.parent is None and root.protocol.name != IMPORTED
        planned = self._planned.get(_place(root)) if is_ours else None
        seats = tuple(
            planned.talk.seats[place]
            if planned and (recorded.parent is None or planned.talk.seats[place].id == seat.id)
            else self._seat(recorded, seat, root)
            for place, seat in enumerate(recorded.seats)
        )
        question, seats = worded(self._question(recorded), seats, self._survey)
        family = [recorded, *line]
        lost = recorded.parent is not None and root is recorded
        if planned is None or lost or any(talk.parent and talk.parent.edits.protocol for talk in family):
            protocol = load_protocol(recorded.protocol.name, recorded.protocol.args)
        else:
            protocol = planned.protocol
        own_model = planned is None or lost or any(talk.parent and talk.parent.edits.model for talk in family)
        identity = recorded.model if own_model or planned is None else planned.talk.model
        # A fork is sampled as the study says, whatever was varied for its root.
        sampling = planned.sampling if planned and root is recorded else self._study.simulate.sampling
        today = {
            **shared_inputs(protocol, model=identity, sampling=sampling),
            **spoken_inputs(seats),
            "question": sha256(question),
            "seats": sha256(list(seats)),
            "seed": str(self._study.seed),
        }
        plan = recorded.model_copy(
            update={
                "seats": seats,
                "question": question,
                "language": today["language"],
                "model": identity,
                "protocol": protocol_used(protocol),
                "inputs": {name: today.get(name, value) for name, value in recorded.inputs.items()},
            }
        )
        return Rebuilt(plan, protocol.protocol, sampling)

    def _question(self, recorded: Transcript) -> Question:
        seed = recorded.seed
        return self._survey.questions.get(seed.id, seed)

    def _seat(self, recorded: Transcript, seat: Seat, root: Transcript) -> Seat:
        if seat.id not in self._roster.personas and root.protocol.name == IMPORTED:
            return seat  # known from the import alone
        if seat.id not in self._roster.personas:
            raise CultureParkError(
                f"talk {recorded.id}: nobody is named {seat.id!r} any more; name the folder in `persona_folders`"
            )
        persona = self._roster.personas[seat.id]
        stance = seat.stance
        if stance is not None:
            question = self._question(recorded)
            answers = self._survey.distribution(question.id, stance.country)
            if answers is None:
                raise CultureParkError(f"talk {recorded.id}: {stance.country} has no answers to {question.id} any more")
            kept = {"like": stance.like, "respondent": stance.respondent}
            stance = stance_from(question, answers, stance.code, chosen=stance.chosen).model_copy(update=kept)
        culture = self._roster.cultures[persona.culture]
        return seat.model_copy(update={"persona": persona, "culture": culture, "stance": stance})


def _place(plan: Transcript) -> tuple[str, tuple[str, ...], int, str]:
    """What finds a talk of one plan in another."""
    cultures = tuple(seat.culture.id for seat in plan.seats)
    return (plan.question.id if plan.question else "", cultures, plan.replicate, sha256(plan.factors))
