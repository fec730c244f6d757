"""A survey: its questions in our words, and how many people of each country gave each answer.

A survey is a folder with `questions.yaml` and `counts.csv`; the shipped one and what importers write are alike.
Held-out questions' answers are not readable here: see `heldout.py`.
"""

import csv
import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from culturepark.personas.language import serving
from culturepark.personas.question import Question, Scale, Split
from culturepark.personas.surveys.groups import GROUPS, Attribute, Cell, Cells, attributes_in, group_name, read_groups
from culturepark.personas.surveys.nonresponse import NONRESPONSE, Nonresponse, read_nonresponse
from culturepark.personas.surveys.wordings import Asked, Wording, Wordings
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build, parse_yaml

QUESTIONS, COUNTS = "questions.yaml", "counts.csv"
SHIPPED = ("wvs7",)
Counted = Literal["respondents", "weights", "shares"]


class SurveyInfo(Record):
    """What a survey is and where it comes from."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    citation: str
    terms: str = "its terms are not known here; look them up before you share anything"
    """What its publishers allow, in a few words: written beside every exported sample."""
    counted: Counted = "respondents"
    """What a count is: people, the sum of their weights, or a published share (then n is unknown)."""
    others_from: str | None = None
    """Shipped survey that answers for the countries this one has no counts of."""

    @model_validator(mode="after")
    def _others_are_shipped(self) -> "SurveyInfo":
        if self.others_from is not None and self.others_from not in SHIPPED:
            raise ValueError(f"others_from {self.others_from!r} is no shipped survey ({', '.join(SHIPPED)})")
        return self


class ScaleEntry(Scale):
    """A scale in a survey file, with the words for holding each of its answers."""

    words: dict[int, str]
    """Clause per code; `{claim}`, `{denial}`, `{label}` and `{text}` are the question's own."""


class QuestionEntry(Record):
    """A question in a survey file."""

    id: str
    topic: str
    text: dict[str, str]
    claim: str = ""
    denial: str = ""
    same_as: str | None = None


class BatteryEntry(Record):
    """Questions asked together: one scale, one side of the split."""

    name: str
    split: Split
    scale: str
    form: Literal["statement", "question"]
    questions: tuple[QuestionEntry, ...]


class SurveyFile(Record):
    """`questions.yaml` as written."""

    survey: SurveyInfo
    scales: dict[str, ScaleEntry]
    batteries: tuple[BatteryEntry, ...]

    @model_validator(mode="after")
    def _scales_exist(self) -> "SurveyFile":
        for battery in self.batteries:
            if battery.scale not in self.scales:
                raise ValueError(f"battery {battery.name!r} names no known scale: {battery.scale!r}")
        return self


class Distribution(Record):
    """How the people of one country answered one question."""

    question: str
    country: str
    counts: dict[int, float]
    """Per valid code, zero counts included, in the survey's unit (`SurveyInfo.counted`)."""
    counted: Counted

    @property
    def total(self) -> float:
        """Sum of the counts."""
        return sum(self.counts.values())

    @property
    def n(self) -> float | None:
        """Valid answers (or sum of weights); None where only shares are published."""
        return None if self.counted == "shares" else self.total

    @property
    def shares(self) -> dict[int, float]:
        """Fraction of the valid answers per code, adding up to 1."""
        return {code: count / self.total for code, count in self.counts.items()}

    @property
    def mode(self) -> int:
        """The most common answer; of equals the lowest code."""
        return max(self.counts, key=lambda code: (self.counts[code], -code))

    @property
    def median(self) -> int:
        """The code at half of the answers, sorted by code."""
        return self.quantile(0.5)

    @property
    def entropy(self) -> float:
        """Shannon entropy in bits."""
        return -sum(share * math.log2(share) for share in self.shares.values() if share)

    def quantile(self, fraction: float) -> int:
        """The code at a fraction in [0, 1) of the answers sorted by code: the inverse distribution function."""
        reached = 0.0
        for code, count in sorted(self.counts.items()):
            reached += count
            if reached > fraction * self.total:
                return code
        raise ValueError(f"fraction {fraction} is not in [0, 1)")


class Survey:
    """Questions, and the answers of every country to those in the seed split."""

    def __init__(
        self,
        info: SurveyInfo,
        questions: Mapping[str, Question],
        counts: Mapping[tuple[str, str], Distribution],
        *,
        groups: Callable[[], Cells],
        nonresponse: Callable[[], Mapping[tuple[str, str], Nonresponse]],
        wordings: Wordings,
    ) -> None:
        """`counts` is keyed by question id and country; `groups` and `nonresponse` are read when asked for."""
        self.info = info
        self.questions = questions
        self._counts = counts
        self._read_groups = groups
        self._read_nonresponse = nonresponse
        self._wordings = wordings

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO codes of the countries with any answers, sorted."""
        return tuple(sorted({country for _, country in self._counts}))

    def question(self, question: str) -> Question:
        """Find a question by its full id, or by the item's name alone."""
        for key in (question, f"{self.info.name}:{question}"):
            if key in self.questions:
                return self.questions[key]
        raise unknown("question", question, self.questions)

    @property
    def languages(self) -> tuple[str, ...]:
        """Tags of the languages, besides English, in which every question can be asked, sorted."""
        return self._wordings.languages

    def wording(self, question: str, language: str) -> Wording:
        """A question in another language than English; `pt-BR` is served by `pt` where there is nothing nearer.

        Raises:
            CultureParkError: When the survey is not in that language, or its file is not whole.
        """
        found = serving(language, self.languages)
        if found is None:
            have = ", ".join(("en", *self.languages))
            raise CultureParkError(
                f"question {question} has no wording in {language!r} (the survey is in: {have}); "
                f"write languages/{language}.yaml beside its questions.yaml, or ask in English"
            )
        return self._wordings.read(found)[question.removeprefix(f"{self.info.name}:")]

    def distribution(self, question: str, country: str) -> Distribution | None:
        """How a country answered a seed question; None when it was not asked.

        Raises:
            CultureParkError: For a held-out question, whose answers only benchmarks may read.
        """
        if self.questions[question].split == "held-out":
            raise CultureParkError(
                f"question {question!r} is held out for measurement, so no talk may use its answers; "
                "`culturepark surveys list` shows the seed questions"
            )
        return self._counts.get((question, country))

    @cached_property
    def _groups(self) -> Cells:
        return self._read_groups()

    @cached_property
    def _nonresponse(self) -> Mapping[tuple[str, str], Nonresponse]:
        return self._read_nonresponse()

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What the answers can be grouped by."""
        return attributes_in(sorted({group for _, _, group in self._groups}))

    def group(self, question: str, country: str, traits: Mapping[Attribute, str]) -> Cell | None:
        """How a group of a country's people answered a seed question; None where nobody of it is known."""
        self.distribution(question, country)
        return self._groups.get((country, question.partition(":")[2], group_name(traits)))

    def was_asked(self, question: str, country: str) -> bool:
        """Whether the country has answers to the question, seed or held-out."""
        return (question, country) in self._counts


@lru_cache(maxsize=8)
def load_survey(name: str) -> Survey:
    """Load a shipped survey by name, or one that an importer wrote by the path of its folder.

    Raises:
        CultureParkError: For an unknown name, or a file that is missing or malformed; names file and line.
    """
    folder: Traversable
    if name in SHIPPED:
        folder = files(__package__) / name
    elif "/" in name or Path(name).is_dir():
        folder = Path(name)
    else:
        raise unknown("survey", name, SHIPPED, place="source (or give the path of an imported folder)")
    place = f"{name}/{QUESTIONS}"
    try:
        text = (folder / QUESTIONS).read_text(encoding="utf-8")
    except OSError:
        raise CultureParkError(
            f"{place}: there is no such file; `surveys import-wvs` or `import-goqa` makes one"
        ) from None
    entry = build(SurveyFile, parse_yaml(text, place=place), place=place)
    questions = _questions(entry, place=place)
    counts = _read_counts(folder, name, entry.survey, questions)
    if entry.survey.others_from is not None:
        own = {country for _, country in counts}
        others = load_survey(entry.survey.others_from)._counts
        counts |= {cell: answers for cell, answers in others.items() if cell[1] not in own and cell[0] in questions}
    groups = partial(read_groups, folder / GROUPS, place=f"{name}/{GROUPS}")
    nonresponse = partial(read_nonresponse, folder / NONRESPONSE, source=entry.survey.name)
    wordings = Wordings(folder, name, _asked(entry))
    return Survey(entry.survey, questions, counts, groups=groups, nonresponse=nonresponse, wordings=wordings)


def _asked(entry: SurveyFile) -> list[Asked]:
    """What each other language has to have words for."""
    return [
        Asked(item.id, battery.scale, entry.scales[battery.scale].codes, frozenset(entry.scales[battery.scale].labels))
        for battery in entry.batteries
        for item in battery.questions
    ]


def _questions(entry: SurveyFile, *, place: str) -> dict[str, Question]:
    found: dict[str, Question] = {}
    for battery in entry.batteries:
        scale = entry.scales[battery.scale]
        for item in battery.questions:
            facts = {"claim": item.claim, "denial": item.denial, "text": item.text.get("en", "")}
            key = f"{entry.survey.name}:{item.id}"
            if key in found:
                raise CultureParkError(f"{place}: question {item.id!r} stands there twice")
            found[key] = build(
                Question,
                {
                    "id": key,
                    "source": entry.survey.name,
                    "battery": f"{entry.survey.name}:{battery.name}",
                    "topic": item.topic,
                    "form": battery.form,
                    "text": item.text,
                    "words": {
                        code: words.format(**facts, label=scale.labels.get(code, code))
                        for code, words in scale.words.items()
                    },
                    "scale": scale.model_dump(exclude={"words"}),
                    "split": battery.split,
                    "same_as": item.same_as,
                },
                place=f"{place}, question {item.id}",
            )
    return found


def _read_counts(
    folder: Traversable, name: str, info: SurveyInfo, questions: Mapping[str, Question]
) -> dict[tuple[str, str], Distribution]:
    counts: dict[tuple[str, str], dict[int, float]] = {}
    place = f"{name}/{COUNTS}"
    try:
        lines = (folder / COUNTS).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise CultureParkError(f"{place}: there is no such file; import the survey again") from None
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            question, code, count = questions[f"{info.name}:{row['question']}"], int(row["code"]), float(row["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise CultureParkError(f"{place}:{number}: {row} is not country,question,code,count ({error})") from None
        if code not in question.scale.codes or count < 0:
            raise CultureParkError(
                f"{place}:{number}: code {code}, count {count:g} is not on the scale of {question.id}"
            )
        cell = counts.setdefault((question.id, row["country"]), dict.fromkeys(question.scale.codes, 0.0))
        cell[code] += count
    return {
        (question, country): Distribution(question=question, country=country, counts=cell, counted=info.counted)
        for (question, country), cell in counts.items()
        if sum(cell.values()) > 0
    }
