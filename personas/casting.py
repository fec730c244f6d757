"""Casting: which people sit together about which question, and which stance each of them is held to."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from culturepark.personas.persona import Gender, Persona
from culturepark.personas.question import Question
from culturepark.personas.roster import MAIN_CULTURE, Roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance
from culturepark.personas.stances import Stances
from culturepark.personas.surveys.groups import Attribute
from culturepark.personas.surveys.respondents import Respondents, load_respondents
from culturepark.personas.surveys.survey import Survey
from culturepark.personas.talk_language import TalkLanguage, put_in_languages
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.record import Record, Shared

Cast = Literal["cross", "in-culture", "panel"]
Genders = Literal["female", "male", "mixed", "alternate"]
STANCES = ("sampled", "iid", "mode", "median", "respondent", "none")
PAIRINGS: Final = 4
"""Of the genders of the first two seats."""


class CastSettings(Record):
    """Who sits together about what."""

    cultures: tuple[str, ...] = ()
    """Delegates' cultures; all eight when empty."""
    source: str = "wvs7"
    """A shipped survey, or the folder of an imported one."""
    questions: tuple[str, ...] = ()
    """Seed questions; all when empty."""
    personas: tuple[str, ...] = ()
    """Ids of those who may sit down for their culture; of a culture without any here, everybody may."""
    cast: Cast = "cross"
    """`cross`: main contact and one delegate; `in-culture`: two people of one culture; `panel`: several cultures."""
    panel_size: int = Field(default=3, ge=2)
    """Delegates of a panel."""
    genders: Genders = "alternate"
    """Everybody female or male; `mixed`: main contact and delegates differ; `alternate`: all pairings in turn."""
    stance: str = "sampled"
    """`sampled`, `iid`, `mode`, `median`, `respondent` (a real person's joint answers), `none` (self-calibration off),
    or `other:COUNTRY` (wrong-country control)."""
    respondents: str | None = None
    """For `stance: respondent`: your own World Values Survey wave 7 CSV. Only the answers held are copied from it."""
    ground_by: tuple[Attribute, ...] = ()
    """Draw from the answers of people like the persona: of its gender (`sex`), `age` band or `education`. Where too few
    answered, the last of these is left out, then the one before. Needs a survey imported from a file that tells."""
    pair: Literal["natural", "conflict", "agree"] = "natural"
    """`conflict` gives the main contact an answer from the side opposite to the first delegate's (from any other side
    where there is none), `agree` one from the same side, still drawn as the country answers within that side;
    `natural` leaves them as drawn."""
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

    @model_validator(mode="after")
    def _respondents_are_there(self) -> "CastSettings":
        if self.stance == "respondent" and self.respondents is None:
            raise ValueError("stance 'respondent' needs `respondents`: the path of your own WVS wave 7 CSV")
        return self


class CastTalk(Record):
    """One talk's people."""

    question: Question
    seats: tuple[Seat, ...]
    """The main contact first."""
    replicate: int = Field(ge=0)
    """Number of this talk among those of the same question and cultures."""

    @property
    def stance_distance(self) -> float | None:
        """How far main contact and first delegate are apart, as a fraction of the scale; None if one is unsure."""
        main, delegate = (seat.stance for seat in self.seats[:2])
        return self.question.scale.distance(main.code, delegate.code) if main and delegate else None


class Skipped(Record):
    """A question not talked about, because a country of the cast was not asked."""

    question: str
    country: str


class Casting(Record):
    """All talks of a study, and what had to be left out."""

    talks: tuple[CastTalk, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    """Where stances come from more people than the settings ask for, in words."""


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
    for persona in settings.personas:
        roster.persona(persona)
    questions = [survey.question(name) for name in settings.questions] or [
        question for question in survey.questions.values() if question.split == "seed" and question.same_as is None
    ]
    tables = _tables(settings, cultures)
    respondents, notes = _respondents(settings, roster, survey, tables)
    stances = Stances(settings.stance, survey, seed, ground_by=settings.ground_by, respondents=respondents)
    people = _People(roster, settings.personas)
    cells: list[_Cell] = []
    skipped: list[Skipped] = []
    # Questions turn under the cultures, so that the first talks of a study already cover both.
    for shift in range(len(questions)):
        for place, table in enumerate(tables):
            turn = (shift + place) % len(questions)
            question = questions[turn]
            countries = {stances.country(roster.cultures[culture].country) for culture in table}
            unasked = sorted(country for country in countries if not stances.can_answer(question, country))
            skipped += [Skipped(question=question.id, country=country) for country in unasked]
            if not unasked:
                cells.append(_Cell(question, table, turn))
    if not cells:
        raise CultureParkError(
            "no question was asked in the countries of this cast; choose other questions or cultures"
        )
    wanted = settings.talks or len(cells)
    talks, shared = [], Shared()
    for number, cell in enumerate(islice(cycle(cells), wanted)):
        replicate = number // len(cells)
        pairing = _pairing(cell.turn, replicate, len(questions))
        seated = _seat(cell, replicate, pairing, settings, people, stances)
        talks.append(_spoken(seated, settings.talk_language, survey, shared))
    return Casting(
        talks=tuple(talks),
        skipped=tuple(sorted(set(skipped), key=lambda item: (item.question, item.country))),
        notes=(*notes, *stances.notes),
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


class _Cell(NamedTuple):
    """Who talks about what."""

    question: Question
    table: tuple[str, ...]
    turn: int
    """The question's place among those of the study."""


def _pairing(turn: int, replicate: int, questions: int) -> int:
    """Which of the four pairings of genders a cell's talk has.

    It is counted through a table's own talks, and goes on by one wherever questions and pairings would begin to fall
    together again: so neither a culture nor a question has genders of its own, and cultures meet a question alike.
    """
    number = replicate * questions + turn
    return number + number // math.lcm(questions, PAIRINGS)


def _seat(
    cell: _Cell, replicate: int, pairing: int, settings: CastSettings, people: "_People", stances: Stances
) -> CastTalk:
    question, table, _ = cell
    cultures = [people.roster.cultures[culture] for culture in table]
    seated: list[Persona] = []
    for place, culture in enumerate(table):
        seated.append(people.next(question, culture, _gender(settings.genders, pairing, place), taken=seated))

    held: list[Stance | None] = []

    def stance(place: int, toward: Stance | None = None) -> Stance | None:
        return stances.next(
            question, seated[place], cultures[place].country,
            seat=(*table, place), replicate=replicate, others=held, toward=toward, pair=settings.pair,
        )  # fmt: skip

    for place in range(1, len(table)):
        held.append(stance(place))  # noqa: PERF401  (each stance looks at those before it)
    held.insert(0, stance(0, toward=held[0]))
    seats = tuple(
        Seat(
            persona=persona,
            culture=cultures[place],
            role="delegate" if place else "main_contact",
            stance=held[place],
        )
        for place, persona in enumerate(seated)
    )
    return CastTalk(question=question, seats=seats, replicate=replicate)


def _spoken(talk: CastTalk, choice: TalkLanguage, survey: Survey, shared: Shared) -> CastTalk:
    question, seats = put_in_languages(talk.question, talk.seats, choice, survey)
    return CastTalk(question=shared.one(question), seats=tuple(map(shared.one, seats)), replicate=talk.replicate)


def _gender(genders: Genders, pairing: int, place: int) -> Gender:
    """Gender of the seat at a place, under one of the pairings of genders."""
    if genders in {"female", "male"}:
        return genders
    if genders == "mixed":
        return "female" if (pairing + place) % 2 == 0 else "male"
    # Woman and man, man and woman, two women, two men; further seats alternate.
    steps = (pairing + 1) // 2 if place else pairing
    return "female" if (steps + place) % 2 == 0 else "male"


class _People:
    """Whose turn it is to sit down: a culture's people of a gender take turns in file order."""

    def __init__(self, roster: Roster, chosen: Collection[str]) -> None:
        self.roster = roster
        self._chosen = set(chosen)
        self._starts: dict[tuple[str, Gender], list[str]] = {}
        """Questions in the order they came up: each begins with another person."""
        self._seated: Counter[tuple[str, str, Gender]] = Counter()

    def next(self, question: Question, culture: str, gender: Gender, *, taken: Sequence[Persona]) -> Persona:
        """Somebody of the gender who does not sit there yet; where all do, of the culture's other gender."""
        everybody = self.roster.of(culture)
        allowed = [persona for persona in everybody if persona.id in self._chosen] or list(everybody)
        ours = [persona for persona in allowed if persona.gender == gender]
        if not ours and len(allowed) == len(everybody):
            self.roster.of(culture, gender)  # raises
        if ours:
            questions = self._starts.setdefault((culture, gender), [])
            if question.id not in questions:
                questions.append(question.id)
            turn = questions.index(question.id) + self._seated[question.id, culture, gender]
            self._seated[question.id, culture, gender] += 1
            ours = [ours[(turn + step) % len(ours)] for step in range(len(ours))]
        for persona in (*ours, *allowed):
            if persona not in taken:
                return persona
        raise CultureParkError(f"culture {culture!r} has too few personas for this cast; add one to its file")


def _respondents(
    settings: CastSettings, roster: Roster, survey: Survey, tables: Sequence[tuple[str, ...]]
) -> tuple[Respondents | None, tuple[str, ...]]:
    """The people of the user's own file, with a note on main contacts that it has nobody for."""
    if settings.stance != "respondent":
        return None, ()
    assert settings.respondents is not None, "validated above"
    if survey.info.name != "wvs7":
        raise CultureParkError(f"stance 'respondent' reads WVS files, and source is {survey.info.name!r}; use wvs7")
    countries = {roster.cultures[culture].country for table in tables for culture in table}
    found = load_respondents(Path(settings.respondents), countries=countries)
    for culture in (culture for table in tables for culture in table[1:]):
        country = roster.cultures[culture].country
        if country not in found.countries:
            has = ", ".join(found.countries) or "none of the cast's countries"
            raise CultureParkError(
                f"{settings.respondents}: no respondents of {country} for culture {culture!r} (it has {has}); "
                "choose other cultures or another file"
            )
    lacking = sorted(countries - set(found.countries))
    return found, tuple(
        f"no respondents of {country} in {settings.respondents}: the main contact's stances are sampled from the survey"
        for country in lacking
    )
