"""Who speaks: cultures, personas, survey questions, stances, and who sits with whom."""

from typing import TYPE_CHECKING

from culturepark.runtime.lazy import contents

if TYPE_CHECKING:
    from culturepark.personas.casting import Casting, CastSettings, CastTalk, cast_talks
    from culturepark.personas.culture import Culture
    from culturepark.personas.persona import Persona
    from culturepark.personas.question import Question, Scale
    from culturepark.personas.roster import Roster, load_roster
    from culturepark.personas.seat import Seat
    from culturepark.personas.stance import Stance
    from culturepark.personas.surveys.survey import Distribution, Survey, load_survey

__all__ = [
    "CastSettings",
    "CastTalk",
    "Casting",
    "Culture",
    "Distribution",
    "Persona",
    "Question",
    "Roster",
    "Scale",
    "Seat",
    "Stance",
    "Survey",
    "cast_talks",
    "load_roster",
    "load_survey",
]

__getattr__ = contents(
    __name__,
    {
        "CastSettings": "casting",
        "CastTalk": "casting",
        "Casting": "casting",
        "Culture": "culture",
        "Distribution": "surveys.survey",
        "Persona": "persona",
        "Question": "question",
        "Roster": "roster",
        "Scale": "question",
        "Seat": "seat",
        "Stance": "stance",
        "Survey": "surveys.survey",
        "cast_talks": "casting",
        "load_roster": "roster",
        "load_survey": "surveys.survey",
    },
)
