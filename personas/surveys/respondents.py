"""The people of a user's own survey file, held in memory while a study is cast and never written anywhere."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import accumulate, islice
from pathlib import Path

from culturepark.personas.draws import independent, low_discrepancy
from culturepark.personas.surveys.groups import ATTRIBUTES, Attribute, Cell
from culturepark.personas.surveys.survey import Distribution
from culturepark.personas.surveys.wvs_file import Respondent, read_wvs, wvs_questions
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from, sha256

Traits = tuple[tuple[Attribute, str], ...]


class Respondents:
    """People with all their answers, drawn by weight."""

    def __init__(self, people: Sequence[Respondent], *, file: str, weighted: bool) -> None:
        """`file` is the sha256 of the file they come from. People of weight 0 stand for nobody and are never drawn."""
        self.file = file
        self._weighted = weighted
        self._scales = {item: question.scale for item, question in wvs_questions().items()}
        self._people: dict[str, list[Respondent]] = defaultdict(list)
        for person in people:
            if person.weight > 0:
                self._people[person.country].append(person)
        self._like = cache(self._people_like)
        self._answers = cache(self._answers_of)

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO codes, sorted."""
        return tuple(sorted(self._people))

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What people can be grouped by."""
        found = {name for people in self._people.values() for person in people for name in person.traits}
        return tuple(name for name in ATTRIBUTES if name in found)

    def distribution(self, question: str, country: str) -> Distribution | None:
        """How the people of a country answered; None when nobody of it did."""
        return self._answers(question, country, ())

    def group(self, question: str, country: str, traits: Mapping[Attribute, str]) -> Cell | None:
        """How a group of a country's people answered.

        The group's size is that of all its people, so that a person stays the same across questions.
        """
        shared = tuple(sorted(traits.items()))
        answers = self._answers(question, country, shared)
        return Cell(len(self._like(country, shared)), answers.counts if answers is not None else None)

    def draw(
        self,
        question: str,
        country: str,
        traits: Mapping[Attribute, str],
        codes: Collection[int],
        *,
        seat: tuple[object, ...],
        replicate: int,
        taken: Collection[str],
    ) -> tuple[int, str]:
        """Draw whose answer a seat holds to.

        The `replicate`-th person of a seat is the same for every question. Where that person did not answer, answered
        something that the pairing rules out, or sits there already, another one of the group takes the seat.

        Args:
            question: Full id.
            country: ISO code.
            traits: Those that the person shares with the persona.
            codes: Answers that will do; somebody of the group must have given one of them.
            seat: Names the sequence of people: seed, table and place.
            replicate: Number of the talk among those of the question and table.
            taken: References of those who sit in this talk.

        Returns:
            The answer's code and the person's reference.
        """
        item = question.partition(":")[2]
        shared = tuple(sorted(traits.items()))
        key = ("respondent", *seat, country, *shared)
        people = self._like(country, shared)
        person = _at(people, next(islice(low_discrepancy(seed_from(*key)), replicate, None)))
        fits = [one for one in people if one.answers.get(item) in codes]
        if taken:
            fits = [one for one in fits if self.reference(one) not in taken] or fits
        if person not in fits:
            person = _at(fits, next(independent(seed_from(*key, replicate, question))))
        return person.answers[item], self.reference(person)

    def reference(self, person: Respondent) -> str:
        """A name for a person that only those who have the file can follow back: their row is the salt."""
        return f"r_{sha256(['respondent', self.file, person.line, person.row])[:20]}"

    def _people_like(self, country: str, traits: Traits) -> list[Respondent]:
        return [
            person
            for person in self._people.get(country, [])
            if all(person.traits.get(name) == value for name, value in traits)
        ]

    def _answers_of(self, question: str, country: str, traits: Traits) -> Distribution | None:
        item = question.partition(":")[2]
        counts = dict.fromkeys(self._scales[item].codes, 0.0)
        for person in self._like(country, traits):
            if item in person.answers:
                counts[person.answers[item]] += person.weight
        if not any(counts.values()):
            return None
        return Distribution(
            question=question, country=country, counts=counts, counted="weights" if self._weighted else "respondents"
        )


def load_respondents(path: Path, *, countries: Collection[str]) -> Respondents:
    """Read the people of some countries; nothing of it is kept but in memory.

    Raises:
        CultureParkError: Names file, row, column and value for anything that is not a WVS answer.
    """
    if not path.is_file():
        raise CultureParkError(f"{path}: there is no such file; `respondents` is your own WVS wave 7 CSV")
    file = read_wvs(path, countries=sorted(countries))
    people = [person for person in file.people if person is not None]
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Respondents(people, file=digest, weighted=file.weighted)


def _at(people: Sequence[Respondent], fraction: float) -> Respondent:
    """The person at a fraction in [0, 1) of the weights, in file order."""
    reached = list(accumulate(person.weight for person in people))
    wanted = fraction * reached[-1]
    return next(person for person, upto in zip(people, reached, strict=True) if upto > wanted)
