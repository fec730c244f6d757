"""Questions in other languages: `languages/<tag>.yaml` beside a survey's `questions.yaml`, read when it is needed.

A file is whole or wrong: every question, every answer of every scale. Clauses are not glued together as in English,
since word order, endings and politeness differ: each language writes, for each answer, a whole sentence that says it
to the person who holds it ("Sence …", "Du bist überzeugt, dass …").
"""

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from string import Formatter
from typing import NamedTuple

from pydantic import Field

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record, build, parse_yaml

LANGUAGES = "languages"
"""Folder beside `questions.yaml`."""


class ScaleWording(Record):
    """A scale in one language."""

    labels: dict[int, str]
    """For the same codes as the English labels."""
    told: dict[int, str]
    """Per code, the answer said to its holder, a whole sentence around `{claim}` or `{denial}`."""
    often: dict[int, str] = {}
    """Per code, the adverb for `{often}` in claims of a scale of frequencies."""


class QuestionWording(Record):
    """A question in one language."""

    text: str = Field(min_length=1)
    topic: str = Field(min_length=1)
    claim: str = Field(min_length=1)
    denial: str = ""
    """Left out where no sentence of the scale has `{denial}`."""


class LanguageFile(Record):
    """`languages/<tag>.yaml` as written."""

    language: str
    reviewed: bool
    """Whether the reviewer has read it; until then it is our own translation from our own English."""
    reviewer: str
    """Who must read it, or did."""
    scales: dict[str, ScaleWording]
    questions: dict[str, QuestionWording]


class Wording(Record):
    """One question in one language, each answer put to the person who holds it."""

    language: str
    text: str
    topic: str
    labels: dict[int, str]
    told: dict[int, str]
    reviewed: bool
    reviewer: str


class Asked(NamedTuple):
    """What a translation must cover of a question."""

    item: str
    """Id within the survey, e.g. `Q27`."""
    scale: str
    codes: tuple[int, ...]
    labelled: frozenset[int]


class Wordings:
    """The languages of one survey folder."""

    def __init__(self, folder: Traversable, name: str, asked: Iterable[Asked]) -> None:
        """`name` is how errors call the folder."""
        self._folder = folder / LANGUAGES
        self._place = f"{name}/{LANGUAGES}"
        self._asked = tuple(asked)
        self._read: dict[str, Mapping[str, Wording]] = {}

    @property
    def languages(self) -> tuple[str, ...]:
        """Tags of the languages besides English, sorted."""
        if not self._folder.is_dir():
            return ()
        names = (file.name for file in self._folder.iterdir())
        return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))

    def read(self, language: str) -> Mapping[str, Wording]:
        """All questions in one of `languages`, by their id within the survey.

        Raises:
            CultureParkError: Names the file and the first thing that is missing or wrong.
        """
        if language not in self._read:
            place = f"{self._place}/{language}.yaml"
            text = (self._folder / f"{language}.yaml").read_text(encoding="utf-8")
            file = build(LanguageFile, parse_yaml(text, place=place), place=place)
            if file.language != language:
                raise CultureParkError(f"{place}: language is {file.language!r}; name the file {file.language}.yaml")
            self._read[language] = _worded(file, self._asked, place)
        return self._read[language]


def _worded(file: LanguageFile, asked: tuple[Asked, ...], place: str) -> dict[str, Wording]:
    _same(f"{place}: questions", set(file.questions), {question.item for question in asked})
    _same(f"{place}: scales", set(file.scales), {question.scale for question in asked})
    for question in asked:
        scale = file.scales[question.scale]
        _same(f"{place}: labels of scale {question.scale}", set(scale.labels), set(question.labelled))
        _same(f"{place}: sentences of scale {question.scale}", set(scale.told), set(question.codes))
    return {
        question.item: Wording(
            language=file.language,
            text=file.questions[question.item].text,
            topic=file.questions[question.item].topic,
            labels=file.scales[question.scale].labels,
            told={
                code: _told(
                    file.questions[question.item], file.scales[question.scale], code, f"{place}: {question.item}"
                )
                for code in question.codes
            },
            reviewed=file.reviewed,
            reviewer=file.reviewer,
        )
        for question in asked
    }


def _told(question: QuestionWording, scale: ScaleWording, code: int, place: str) -> str:
    """Put a question's claim, with the code's adverb in it, into the code's sentence."""
    often = {"often": scale.often[code]} if code in scale.often else {}
    template = scale.told[code]
    clauses = {"claim": question.claim, "denial": question.denial}
    facts = {
        name: _filled(clause, often, place=f"{place}, {name} for code {code}")
        for name, clause in clauses.items()
        if clause and f"{{{name}}}" in template
    }
    return _filled(template, facts, place=f"{place}, sentence of code {code}")


def _filled(template: str, facts: Mapping[str, str], *, place: str) -> str:
    try:
        return Formatter().vformat(template, (), facts)
    except (KeyError, IndexError, ValueError) as error:
        raise CultureParkError(f"{place}: {template!r} cannot be filled in ({error}); correct the braces") from None


def _same(place: str, found: set[str] | set[int], wanted: set[str] | set[int]) -> None:
    """Hold what a file has to what the survey has."""
    for word, odd in (("missing", wanted - found), ("unknown", found - wanted)):
        if odd:
            listed = ", ".join(str(one) for one in sorted(odd))
            raise CultureParkError(f"{place}: {word}: {listed}")
