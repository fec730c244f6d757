"""Forks: a talk that shares another's first turns and then goes its own way."""

from collections.abc import Mapping

from culturepark.personas.culture import Culture
from culturepark.personas.roster import Roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance, stance_from
from culturepark.personas.surveys.survey import Survey
from culturepark.personas.talk_language import worded
from culturepark.protocols.catalogue import LoadedProtocol
from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import content_id, sha256
from culturepark.runtime.request import Sampling
from culturepark.simulation.plan import protocol_used, shared_inputs, spoken_inputs, without_folder
from culturepark.simulation.transcript import Edits, Parent, Transcript

EDITED = "edited"
"""Finish reason and model of an utterance that a person wrote."""


def plan_fork(
    parent: Transcript,
    *,
    at: int,
    protocol: LoadedProtocol,
    model: str,
    sampling: Sampling,
    swaps: Mapping[str, Seat] | None = None,
    say: str | None = None,
) -> Transcript:
    """Write a fork down, with the turns it shares with its parent.

    Args:
        parent: The talk to leave; may itself be a fork.
        at: Index of the first turn that is new, from 0 to the number of turns.
        protocol: Who speaks from there on.
        model: Identity of the model from there on.
        sampling: How it is sampled.
        swaps: Persona id of the parent to the seat that takes its place, see `swapped_seats`. What the persona said
            in the shared turns counts as said by the one who takes over.
        say: What the speaker of turn `at` says instead; the talk goes on after it.

    Raises:
        CultureParkError: For a turn that does not exist, or a persona who would take two seats.
    """
    _check_turn(parent, at, edited=say is not None)
    swaps = swaps or {}
    used = protocol_used(protocol)
    edits = Edits(
        protocol=None if (used.name, used.args) == (parent.protocol.name, parent.protocol.args) else used,
        personas={old: seat.id for old, seat in swaps.items()},
        model=None if model == parent.model else model,
        say=say,
    )
    seats = _reseated(parent, swaps)
    names = {old.id: new.id for old, new in zip(parent.seats, seats, strict=True)}
    turns = [turn.model_copy(update={"speaker": names[turn.speaker]}) for turn in parent.turns[:at]]
    if say is not None:
        turns.append(_edited(parent.turns[at], speaker=names[parent.turns[at].speaker], text=say))
    inputs = {
        **{name: parent.inputs[name] for name in ("seed",) if name in parent.inputs},
        **shared_inputs(protocol, model=model, sampling=sampling),
        **spoken_inputs(seats),
        "question": sha256(parent.seed),
        "seats": sha256(list(seats)),
        "replicate": str(parent.replicate),
        "parent": sha256([parent.id, at, _portable(edits)]),
    }
    return Transcript(
        id=content_id("t", inputs),
        question=parent.seed,
        language=inputs["language"],
        model=model,
        protocol=used,
        parent=Parent(id=parent.id, root=parent.root, turn=at, edits=edits),
        replicate=parent.replicate,
        status="planned",
        seats=seats,
        turns=tuple(turns),
        inputs=inputs,
    )


def _portable(edits: Edits) -> Edits:
    used = edits.protocol
    if used is None:
        return edits
    return edits.model_copy(update={"protocol": used.model_copy(update={"name": without_folder(used.name)})})


def swapped_seats(parent: Transcript, swaps: Mapping[str, str], roster: Roster, survey: Survey) -> dict[str, Seat]:
    """Give seats to other personas, who hold the same answers; how common they are is looked up in the new countries.

    Args:
        parent: The talk they sit in.
        swaps: Persona id of a seat to the id of the persona who takes it.
        roster: Who can take it.
        survey: What the talk's question is from.

    Raises:
        CultureParkError: When a seat or a persona does not exist, or the new country has no such answer.
    """
    seated = {seat.id: seat for seat in parent.seats}
    seats: dict[str, Seat] = {}
    for old, new in swaps.items():
        if old not in seated:
            raise CultureParkError(
                f"--persona {old}={new}: {old!r} has no seat in talk {parent.id}; seated are {', '.join(seated)}"
            )
        persona = roster.persona(new)
        culture = roster.cultures[persona.culture]
        stance = _stance_in(culture, seated[old], survey, parent)
        seat = seated[old].model_copy(update={"persona": persona, "culture": culture, "stance": stance})
        seats[old] = worded(parent.seed, [seat], survey)[1][0]
    return seats


def _stance_in(culture: Culture, seat: Seat, survey: Survey, parent: Transcript) -> Stance | None:
    stance = seat.stance
    if stance is None or stance.country != seat.culture.country or stance.country == culture.country:
        return stance
    question = parent.seed
    answers = survey.distribution(question.id, culture.country)
    if answers is None:
        raise CultureParkError(
            f"{culture.country_name} was not asked {question.id}, so nobody from there can answer it"
        )
    return stance_from(question, answers, stance.code, chosen=stance.chosen)


def _check_turn(parent: Transcript, at: int, *, edited: bool) -> None:
    last = len(parent.turns) - edited
    if not 0 <= at <= last:
        what = "a fork that edits a turn is" if edited else "a fork is"
        raise CultureParkError(
            f"talk {parent.id} has {len(parent.turns)} turns, so {what} --at 0 to {last}, not {at}"
            if last >= 0
            else f"talk {parent.id} has no turn to edit"
        )


def _reseated(parent: Transcript, swaps: Mapping[str, Seat]) -> tuple[Seat, ...]:
    seats = tuple(swaps.get(seat.id, seat) for seat in parent.seats)
    ids = [seat.id for seat in seats]
    for seat in seats:
        if ids.count(seat.id) > 1:
            raise CultureParkError(f"--persona: {seat.id!r} cannot take two seats of talk {parent.id}")
    return seats


def _edited(turn: Turn, *, speaker: str, text: str) -> Turn:
    return Turn(
        index=turn.index,
        speaker=speaker,
        text=text,
        cue=turn.cue,
        asks=turn.asks,
        finish_reason=EDITED,
        model=EDITED,
        draws=0,
    )
