"""In which languages a talk is held: who speaks what, and the question and stances in those words."""

from collections.abc import Sequence
from typing import Literal

from culturepark.personas.language import ENGLISH, primary
from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.personas.surveys.survey import Survey
from culturepark.runtime.errors import CultureParkError

TalkLanguage = Literal["en", "native", "mixed"]


def put_in_languages(
    question: Question, seats: Sequence[Seat], choice: TalkLanguage, survey: Survey
) -> tuple[Question, tuple[Seat, ...]]:
    """Say which language each seat speaks, and add the question's and its stance's words in it.

    Raises:
        CultureParkError: For `native` with delegates of several languages, and for a language that the survey lacks.
    """
    languages = _languages(seats, choice)
    speaking = [seat.model_copy(update={"language": language}) for seat, language in zip(seats, languages, strict=True)]
    return worded(question, speaking, survey)


def worded(question: Question, seats: Sequence[Seat], survey: Survey) -> tuple[Question, tuple[Seat, ...]]:
    """Add the words of the question and of each stance in the languages that the seats speak.

    Only the languages at the table are added, so that a translation changes the talks in which it is used and no other.

    Raises:
        CultureParkError: For a language that the survey lacks.
    """
    found = [survey.wording(question.id, language) for language in _others({seat.language for seat in seats})]
    asked = question.model_copy(
        update={
            "text": {ENGLISH: question.text[ENGLISH]} | {one.language: one.text for one in found},
            "topics": {one.language: one.topic for one in found},
        }
    )
    return asked, tuple(_told(seat, question, survey) for seat in seats)


def _languages(seats: Sequence[Seat], choice: TalkLanguage) -> list[str]:
    if choice == "en":
        return [ENGLISH] * len(seats)
    if choice == "mixed":
        return [seat.culture.language for seat in seats]
    delegates = [seat.culture for seat in seats if seat.role == "delegate"]
    spoken = list(dict.fromkeys(culture.language for culture in delegates))
    if len(spoken) > 1:
        people = ", ".join(f"{culture.id} ({culture.language})" for culture in delegates)
        raise CultureParkError(
            f"talk_language 'native' needs delegates of one language, and here sit {people}; "
            "use 'mixed', where everybody speaks their own"
        )
    return spoken * len(seats)


def _told(seat: Seat, question: Question, survey: Survey) -> Seat:
    stance = seat.stance
    if stance is None:
        return seat
    foreign = _others({seat.language})
    told = survey.wording(question.id, seat.language).told[stance.code] if foreign else None
    return seat.model_copy(update={"stance": stance.model_copy(update={"told": told})})


def _others(languages: set[str]) -> list[str]:
    """The languages besides English, sorted."""
    return sorted(language for language in languages if primary(language) != ENGLISH)
