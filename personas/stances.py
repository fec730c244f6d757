"""Handing out stances: whose answers a seat is drawn from, and which of them it gets."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from culturepark.personas.draws import independent, low_discrepancy
from culturepark.personas.persona import Persona
from culturepark.personas.question import Question, Side
from culturepark.personas.stance import PeopleLike, RespondentReference, Stance, StanceChoice, stance_from
from culturepark.personas.surveys.groups import MINIMUM, Attribute, band
from culturepark.personas.surveys.respondents import Respondents
from culturepark.personas.surveys.survey import Distribution, Survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from

OPPOSITE: Mapping[Side, Side] = {"below": "above", "above": "below"}


class Stances:
    """The stances of a study, each country's to each question in its own sequence."""

    def __init__(
        self,
        choice: str,
        survey: Survey,
        seed: int,
        *,
        ground_by: Sequence[Attribute] = (),
        respondents: Respondents | None = None,
    ) -> None:
        """`choice` is `CastSettings.stance`; `respondents` are the people of `stance: respondent`."""
        self._other = choice.removeprefix("other:") if choice.startswith("other:") else None
        self._choice: StanceChoice = "other" if self._other else choice  # type: ignore[assignment]  # validated above
        self._survey = survey
        self._seed = seed
        self._ground_by = ground_by
        self._respondents = respondents
        self._given: dict[tuple[str, ...], Iterator[float]] = {}
        self._untold: Counter[tuple[str, Attribute]] = Counter()
        """Seats of a persona whose file lacks a trait."""
        self._small: dict[tuple[str, str, str], list[int]] = {}
        """By country, group, and who answers instead: the group's size, for each seat."""
        if self._other and self._other not in survey.countries:
            raise CultureParkError(
                f"stance 'other:{self._other}': the survey has no such country; it has: {', '.join(survey.countries)}"
            )
        known = respondents.attributes if respondents else survey.attributes if ground_by else ()
        for attribute in ground_by:
            if attribute not in known:
                has = f"only be grouped by {', '.join(known)}" if known else "not be grouped"
                raise CultureParkError(
                    f"ground_by {attribute!r}: the answers can {has}; import a WVS file that has the column "
                    "(`culturepark surveys import-wvs`), or leave it out"
                )

    @property
    def notes(self) -> tuple[str, ...]:
        """Where a stance had to come from more people than asked for, and how often."""
        untold = [
            f"{count} seat(s): {persona} has no trait {name!r}, so people of any {name} stand for it"
            for (persona, name), count in sorted(self._untold.items())
        ]
        small = [
            f"{len(sizes)} seat(s): fewer than {MINIMUM} respondents of {country} with {group} ({min(sizes)} at the "
            f"fewest), so {instead} instead"
            for (country, group, instead), sizes in sorted(self._small.items())
        ]
        return (*untold, *small)

    def country(self, own: str) -> str:
        """Whose answers a person of a country is held to."""
        return self._other or own

    def can_answer(self, question: Question, country: str) -> bool:
        """Whether the country was asked; without stances everybody can talk."""
        return self._choice == "none" or self._source(country).distribution(question.id, country) is not None

    def next(
        self,
        question: Question,
        persona: Persona,
        own: str,
        *,
        seat: tuple[object, ...],
        replicate: int,
        others: Sequence[Stance | None] = (),
        toward: Stance | None = None,
        pair: str = "natural",
    ) -> Stance | None:
        """The stance of the next talk's person, near or far from another's where there are such answers.

        `seat` names table and place: with `stance: respondent`, the same seat of the same replicate is the same real
        person for every question. `others` are the stances of those who sit there already, each a person of their own.
        """
        if self._choice == "none":
            return None
        country = self.country(own)
        source = self._source(country)
        all_answers = source.distribution(question.id, country)
        assert all_answers is not None, "can_answer was asked first"
        traits, like = self._like(persona, question, country, all_answers)
        answers = _paired(like, question, toward, pair)
        reference = None
        if isinstance(source, Respondents):
            taken = {other.respondent.reference for other in others if other is not None and other.respondent}
            codes = {code for code, count in answers.counts.items() if count}
            code, name = source.draw(
                question.id, country, traits, codes,
                seat=(self._seed, *seat), replicate=replicate, taken=taken,
            )  # fmt: skip
            reference = RespondentReference(reference=name, file=source.file)
        else:
            code = self._code(answers, traits)
        chosen = "sampled" if self._choice == "respondent" and reference is None else self._choice
        alike = PeopleLike(traits=dict(traits), share=like.shares[code], n=like.total) if traits else None
        held = stance_from(question, all_answers, code, chosen=chosen)
        return held.model_copy(update={"like": alike, "respondent": reference})

    def _source(self, country: str) -> Survey | Respondents:
        if self._respondents is not None and country in self._respondents.countries:
            return self._respondents
        return self._survey

    def _like(
        self, persona: Persona, question: Question, country: str, everybody: Distribution
    ) -> tuple[Mapping[Attribute, str], Distribution]:
        """The answers of the people most like a persona who are enough, and the traits they share."""
        wanted = {name: value for name in self._ground_by if (value := _trait(persona, name)) is not None}
        for name in self._ground_by:
            if name not in wanted:
                self._untold[persona.id, name] += 1
        while wanted:
            cell = self._source(country).group(question.id, country, wanted)
            if (
                cell is not None
                and cell.respondents >= MINIMUM
                and cell.counts is not None
                and any(cell.counts.values())
            ):
                return wanted, everybody.model_copy(update={"counts": dict(cell.counts)})
            group = _words(wanted)
            wanted.popitem()
            small = self._small.setdefault((country, group, _words(wanted) or "all its people"), [])
            small.append(cell.respondents if cell else 0)
        return {}, everybody

    def _code(self, answers: Distribution, traits: Mapping[Attribute, str]) -> int:
        if self._choice == "mode":
            return answers.mode
        if self._choice == "median":
            return answers.median
        cell = (answers.question, answers.country, *(f"{name}={value}" for name, value in traits.items()))
        if cell not in self._given:
            draw = independent if self._choice == "iid" else low_discrepancy
            self._given[cell] = draw(seed_from(self._seed, *cell))
        return answers.quantile(next(self._given[cell]))


def _words(traits: Mapping[Attribute, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in traits.items())


def _trait(persona: Persona, attribute: Attribute) -> str | None:
    """A persona's value of what answers are grouped by; None where its file does not say."""
    if attribute == "sex":
        return persona.gender
    value = persona.traits.get(attribute)
    return band(value) if isinstance(value, int) else value


def _paired(answers: Distribution, question: Question, toward: Stance | None, pair: str) -> Distribution:
    """The answers on the wanted sides of the scale; all of them where there is no such answer."""
    if toward is None or pair == "natural":
        return answers
    sides = {code: question.scale.side(code) for code in answers.counts}
    if pair == "agree":
        wanted = [{toward.side}]
    else:  # somebody undecided is only half an opponent
        wanted = [{OPPOSITE[toward.side]} if toward.side in OPPOSITE else {"below", "above"}]
        wanted.append(set(sides.values()) - {toward.side})
    for among in wanted:
        counts = {code: count if sides[code] in among else 0.0 for code, count in answers.counts.items()}
        if sum(counts.values()):
            return answers.model_copy(update={"counts": counts})
    return answers
