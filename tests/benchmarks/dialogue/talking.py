"""Talks and readings made by hand."""

from collections.abc import Sequence
from typing import Any

from culturepark.benchmarks.dialogue.readings import Meter, Reading
from culturepark.personas.casting import CastSettings, cast_talks
from culturepark.personas.roster import load_roster
from culturepark.personas.stance import stance_from
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.stance_mix import place
from culturepark.protocols.catalogue import load_protocol
from culturepark.protocols.turn import Turn
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.transcript import Transcript

SPOKEN: dict[str, Any] = {"finish_reason": "stop", "model": "m", "tokens_in": 200, "tokens_out": 50}


def talk(
    *said: str, codes: Sequence[int | None] = (1, 4), question: str = "Q27", culture: str = "arabic", **turn: Any
) -> Transcript:
    """Lily and one delegate take turns, Lily first; `codes` are their stances."""
    survey = load_survey("wvs7")
    settings = CastSettings(cultures=(culture,), questions=(question,), talks=1)
    casting = cast_talks(settings, load_roster(), survey, seed=0)
    (planned,) = plan_talks(casting.talks, SimulateSettings(), load_protocol("free-chat"), model="m", seed=0)
    seats = []
    for seat, code in zip(planned.seats, codes, strict=True):
        answers = survey.distribution(planned.seed.id, seat.culture.country)
        assert answers is not None
        stance = None if code is None else stance_from(planned.seed, answers, code, chosen="given")
        seats.append(seat.model_copy(update={"stance": stance}))
    turns = tuple(
        Turn.model_validate({"index": index, "speaker": seats[index % 2].id, "text": text, **SPOKEN, **turn})
        for index, text in enumerate(said)
    )
    return planned.model_copy(update={"seats": tuple(seats), "turns": turns, "status": "complete"})


def readings(of: Transcript, codes: Sequence[int | None], *, meter: Meter = "heard") -> list[Reading]:
    """A meter's readings of a talk, one a turn; None for an utterance that takes no side."""
    return [
        Reading(
            talk=of.id, turn=index, seat=of.seats[index % 2].id, meter=meter, question=of.seed.id, kind="answered",
            code=code, place=None if code is None else place(of.seed.scale, code),
        )
        for index, code in enumerate(codes)
    ]  # fmt: skip
