"""What makes an opinion on a question sensitive: a reviewed table beside the survey, `sensitivity.yaml`."""

from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import SHIPPED, load_survey
from culturepark.runtime.record import Record, build, parse_yaml

SENSITIVITY = "sensitivity.yaml"
Sensitivity = Literal[
    "religion",
    "politics",
    "sexuality",
    "health",
    "surveillance",
    "immigration",
    "ethnicity",
    "gender",
    "crime",
    "none",
]


class SensitivityTable(Record):
    """The table of one survey; what is not in it is `none`."""

    batteries: dict[str, Sensitivity] = {}
    questions: dict[str, Sensitivity] = {}
    """By item, e.g. `Q27`; comes before its battery's."""

    def of(self, question: Question) -> Sensitivity:
        """The tag of a question; an alias has that of the question it repeats."""
        canonical = load_survey(SHIPPED[0]).questions.get(question.same_as or "")
        return shipped_sensitivity()._own(canonical) if canonical is not None else self._own(question)

    def _own(self, question: Question) -> Sensitivity:
        return self.questions.get(_item(question.id), self.batteries.get(_item(question.battery), "none"))


def load_sensitivity(source: str, *, survey: str) -> SensitivityTable:
    """Read the table of a survey by its name, or of an imported one's folder.

    Args:
        source: As for `load_survey`: a shipped survey, or a folder. A folder without a table of its own takes the
            shipped one where it holds the shipped questions.
        survey: The survey's own name.

    Raises:
        CultureParkError: When the file is not such a table.
    """
    if source not in SHIPPED and (path := Path(source) / SENSITIVITY).exists():
        return _read(path, place=str(path))
    return shipped_sensitivity() if survey in SHIPPED else SensitivityTable()


@lru_cache(maxsize=1)
def shipped_sensitivity() -> SensitivityTable:
    """The table of the shipped survey."""
    return _read(files(__package__) / "wvs7" / SENSITIVITY, place=f"wvs7/{SENSITIVITY}")


def _read(path: Traversable, *, place: str) -> SensitivityTable:
    return build(SensitivityTable, parse_yaml(path.read_text(encoding="utf-8"), place=place), place=place)


def _item(name: str) -> str:
    return name.rpartition(":")[2]
