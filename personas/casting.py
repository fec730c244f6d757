"""Casting: which people sit together about which question, and which stance each of them is held to."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Literal

from pydantic import Field, field_validator

from culturepark.personas.persona import Gender, Persona
from culturepark.personas.question import Question
from culturepark.personas.roster import MAIN_CULTURE, Roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance, StanceChoice
from culturepark.personas.surveys.survey import Distribution, Survey
from culturepark.personas.talk_language import TalkLanguage, put_in_languages
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.record import Record

Cast = Literal["cross", "in-culture", "panel"]
Genders = Literal["female", "male", "mixed", "alternate"]
GOLDEN = (math.sqrt(5) - 1) / 2
STANCES = ("sampled", "iid", "mode", "median", "none")


class CastSettings(Record):
    """Who sits together about what."""

    cultures: tuple[str, ...] = ()
    """Delegates' cultures; all eight when empty."""
    source: str = "wvs7"
    """A shipped survey, or the folder of an imported one."""
    questions: tuple[str, ...] = ()
    """Seed questions; all when empty."""
    cast: Cast = "cross"
    """`cross`: main contact and one delegate; `in-culture`: two people of one culture; `panel`: several cultures."""
    panel_size: int = Field(default=3, ge=2)
    """Delegates of a panel."""
    genders: Genders = "alternate"
    """Everybody female or male; `mixed`: main contact and delegates differ; `alternate`: all pairings in turn."""
    stance: str = "sampled"
    """`sampled`, `iid`, `mode`, `median`, `none` (self-calibration off), or `other:COUNTRY` (wrong-country control)."""
    pair: Literal["natural", "conflict", "agree"] = "natural"
    """`conflict` gives the main contact an answer from another side than the first delegate's, `agree` one from the
    same side, still drawn as the country answers within that side; `natural` leaves them as drawn."""
    talk_language: TalkLanguage = "en"
    """`en`: all speak English; `native`: all speak the delegate's language; `mixed`: each that of their culture."""
    talks: int | None = Field(default=None, ge=1)
    """Talks in all, spread evenly over culture and question; None is one for each pair."""

    @field_validator("stance")
    @classmethod
    def _known_stance(cls, stance: str) -> str:
        if stance not in STANCES and not stance.startswith("other:"):
            raise ValueError(
                f"no stance choice named {stance!r}{did_you_mean(stance, STANCES)}; "
                f"known: {', '.join(STANCES)}, other:COUNTRY"
            )
        return stance


class CastTalk(Record):
    """One talk's people."""

    question: Question
    seats: tuple[Seat, ...]
    """The main contact first."""
    replicate: int = Field(ge=0)
    """Number of this talk among those of the same question and cultures."""


class Skipped(Record):
    """A question not talked about, because a country of the cast was not asked."""

    question: str
    country: str


class Casting(Record):
    """All talks of a study, and what had to be left out."""

    talks: tuple[CastTalk, ...]
    skipped: tuple[Skipped, ...]


def cast_talks(settings: CastSettings, roster: Roster, survey: Survey, *, seed: int) -> Casting:
    """Seat people for every talk of a study.

    With `stance: sampled`, the k-th talk of a country about a question takes the answer at a low-discrepancy point
    of the country's distribution, so a few talks already mirror it, and more talks never change earlier ones.

    Raises:
        CultureParkError: For an unknown culture, question, or country, or when nothing is left to talk about.
    """
    cultures = settings.cultures or roster.delegate_cultures
    for culture in cultures:
        roster.culture(culture)
    questions = [survey.question(name) for name in settings.questions] or [
        question for question in survey.questions.values() if question.split == "seed" and question.same_as is None
    ]
    stances = _Stances(settings.stance, survey, seed)
    tables = _tables(settings, cultures)
    cells: list[tuple[Question, tuple[str, ...]]] = []
    skipped: list[Skipped] = []
    # Questions turn under the cultures, so that the first talks of a study already cover both.
    for shift in range(len(questions)):
        for place, table in enumerate(tables):
            question = questions[(shift + place) % len(questions)]
            countries = {stances.country(roster.cultures[culture].country) for culture in table}
            unasked = sorted(country for country in countries if not stances.can_answer(question, country))
            skipped += [Skipped(question=question.id, country=country) for country in unasked]
            if not unasked:
                cells.append((question, table))
    if not cells:
        raise CultureParkError(
            "no question was asked in the countries of this cast; choose other questions or cultures"
        )
    wanted = settings.talks or len(cells)
    talks = [
        _seat(question, table, number // len(cells), settings, roster, stances, number)
        for number, (question, table) in enumerate(islice(cycle(cells), wanted))
    ]
    spoken = (_spoken(talk, settings.talk_language, survey) for talk in talks)
    return Casting(
        talks=tuple(spoken), skipped=tuple(sorted(set(skipped), key=lambda item: (item.question, item.country)))
    )


def _tables(settings: CastSettings, cultures: Sequence[str]) -> list[tuple[str, ...]]:
    """Cultures of each kind of table, main contact first."""
    if settings.cast == "in-culture":
        return [(culture, culture) for culture in cultures]
    if settings.cast == "cross":
        return [(MAIN_CULTURE, culture) for culture in cultures]
    size = settings.panel_size
    if len(cultures) < size:
        raise CultureParkError(
            f"a panel of {size} needs {size} cultures, and {len(cultures)} are chosen; add some or lower panel_size"
        )
    return [
        (MAIN_CULTURE, *(cultures[(start + step) % len(cultures)] for step in range(size)))
        for start in range(len(cultures))
    ]


def _seat(
    question: Question,
    table: tuple[str, ...],
    replicate: int,
    settings: CastSettings,
    roster: Roster,
    stances: "_Stances",
    number: int,
) -> CastTalk:
    seats: list[Seat] = []
    countries = [roster.cultures[culture].country for culture in table]
    held = [stances.next(question, country) for country in countries[1:]]
    held.insert(0, stances.next(question, countries[0], toward=held[0], pair=settings.pair))
    for place, culture in enumerate(table):
        persona = _persona(roster, culture, _gender(settings.genders, number, place), taken=seats)
        seats.append(
            Seat(
                persona=persona,
                culture=roster.cultures[culture],
                role="delegate" if place else "main_contact",
                stance=held[place],
            )
        )
    return CastTalk(question=question, seats=tuple(seats), replicate=replicate)


def _spoken(talk: CastTalk, choice: TalkLanguage, survey: Survey) -> CastTalk:
    question, seats = put_in_languages(talk.question, talk.seats, choice, survey)
    return CastTalk(question=question, seats=seats, replicate=talk.replicate)


def _gender(genders: Genders, number: int, place: int) -> Gender:
    """Gender of the seat at a place of the number-th talk."""
    if genders in {"female", "male"}:
        return genders
    if genders == "mixed":
        return "female" if (number + place) % 2 == 0 else "male"
    # Four talks run through all pairings of the first two seats; further seats alternate.
    return "female" if ((number >> min(place, 1)) + place) % 2 == 0 else "male"


def _persona(roster: Roster, culture: str, gender: Gender, *, taken: Sequence[Seat]) -> Persona:
    """A persona of the gender who does not sit there yet; where all do, the culture's other gender."""
    seated = {seat.id for seat in taken}
    candidates = [*roster.of(culture, gender), *roster.of(culture)]
    for persona in candidates:
        if persona.id not in seated:
            return persona
    raise CultureParkError(f"culture {culture!r} has too few personas for this cast; add one to its file")


class _Stances:
    """Hands out the stances of a study, each country's to each question in its own sequence."""

    def __init__(self, choice: str, survey: Survey, seed: int) -> None:
        self._other = choice.removeprefix("other:") if choice.startswith("other:") else None
        self._choice: StanceChoice = "other" if self._other else choice  # type: ignore[assignment]  # validated above
        self._survey = survey
        self._seed = seed
        self._given: dict[tuple[str, str], Iterator[float]] = {}
        if self._other and self._other not in survey.countries:
            raise CultureParkError(
                f"stance 'other:{self._other}': the survey has no such country; it has: {', '.join(survey.countries)}"
            )

    def country(self, own: str) -> str:
        """Whose answers a person of a country is held to."""
        return self._other or own

    def can_answer(self, question: Question, country: str) -> bool:
        """Whether the country was asked; without stances everybody can talk."""
        return self._choice == "none" or self._survey.distribution(question.id, country) is not None

    def next(
        self, question: Question, own: str, *, toward: Stance | None = None, pair: str = "natural"
    ) -> Stance | None:
        """The stance of the next talk's person, near or far from another's where the country has such answers."""
        if self._choice == "none":
            return None
        country = self.country(own)
        answers = self._survey.distribution(question.id, country)
        assert answers is not None, "can_answer was asked first"
        code = self._code(_paired(answers, question, toward, pair))
        return Stance(
            question=question.id,
            code=code,
            words=question.words[code],
            side=question.scale.side(code),
            share=answers.shares[code],
            n=answers.n,
            weighted=answers.counted == "weights",
            country=country,
            chosen=self._choice,
        )

    def _code(self, answers: Distribution) -> int:
        if self._choice == "mode":
            return answers.mode
        if self._choice == "median":
            return answers.median
        cell = (answers.question, answers.country)
        if cell not in self._given:
            draw = independent if self._choice == "iid" else low_discrepancy
            self._given[cell] = draw(seed_from(self._seed, *cell))
        return answers.quantile(next(self._given[cell]))


def _paired(answers: Distribution, question: Question, toward: Stance | None, pair: str) -> Distribution:
    """The country's answers on the wanted side of the scale; all of them where there is no such answer."""
    if toward is None or pair == "natural":
        return answers
    counts = {
        code: count if (question.scale.side(code) == toward.side) == (pair == "agree") else 0.0
        for code, count in answers.counts.items()
    }
    return answers.model_copy(update={"counts": counts}) if sum(counts.values()) else answers


def low_discrepancy(seed: int) -> Iterator[float]:
    """Points in [0, 1) that fill it evenly from the first on: multiples of the golden ratio from a seeded start."""
    point = random.Random(seed).random()
    while True:
        yield point
        point = (point + GOLDEN) % 1.0


def independent(seed: int) -> Iterator[float]:
    """Independent uniform points in [0, 1)."""
    rng = random.Random(seed)
    while True:
        yield rng.random()
