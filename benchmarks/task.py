"""What a suite is made of: its description, the settings of a run, and the results that all suites share."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final, Literal

from pydantic import Field

from culturepark.benchmarks.dialogue.settings import DialogueSettings
from culturepark.personas.language import ENGLISH, serving
from culturepark.personas.roster import load_roster
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build, parse_yaml

Scoring = Literal["generate", "likelihood"]
"""Whether a model writes its answer, or each option is weighed by the probability the model gives it."""
PromptLanguage = Literal["en", "native"]
Cell = str | int | float | None
Plot = Literal["none", "heat", "forest", "radar", "before_after", "drift"]
TASK_FILE: Final = "task.yaml"


class NoDataError(CultureParkError):
    """A suite has no data here. Of `all` suites it is then left out; named, it is a problem."""


class Task(Record):
    """`task.yaml` of a suite: what is asked, how, and by which measure it is judged."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    """Raised when the meaning of a score changes: scores of two versions are never compared."""
    title: str
    source: str
    licence: str
    metric: str
    """The main one, in a sentence."""
    labels: tuple[str, ...] = ()
    """Closed labels, where all data of the suite share them."""
    shots: int = Field(default=0, ge=0)
    """Worked examples that are shown before a question, where `BenchSettings.shots` does not say."""
    prompts: dict[str, dict[str, str]]
    """By name of the variant, then by language, the words of the prompt."""

    def prompt(self, variant: str, language: str) -> str:
        """Words of a variant in a language.

        Raises:
            CultureParkError: When it is not worded in that language, with those it is.
        """
        words = self.prompts[variant]
        served = serving(language, words)
        if served is None:
            raise CultureParkError(
                f"{self.name}/{TASK_FILE}: prompt {variant!r} is not worded in {language!r}; it has: "
                f"{', '.join(sorted(words))}; add it there, or ask with --prompt-language en"
            )
        return words[served]

    def worded_in(self, variant: str, language: str) -> str:
        """The language itself where a variant is worded in it, else English."""
        return language if serving(language, self.prompts[variant]) is not None else ENGLISH


def load_task(package: str) -> Task:
    """Read the `task.yaml` that lies in a suite's package.

    Raises:
        CultureParkError: When it is not as it should be.
    """
    place = f"{package.rpartition('.')[2]}/{TASK_FILE}"
    text = (files(package) / TASK_FILE).read_text(encoding="utf-8")
    return build(Task, parse_yaml(text, place=place), place=place)


class BenchSettings(Record):
    """Which suites are run on what, and how models are asked."""

    suites: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """As after `--model`; the study's model where there is none."""
    baseline: str | None = None
    """Model that the others are compared with."""
    scoring: Scoring = "generate"
    limit: int | None = Field(default=None, ge=1)
    """Most items of a suite."""
    shots: int | None = Field(default=None, ge=0)
    """Worked examples before a question, in suites that show any; the suite's own number by default."""
    cultures: tuple[str, ...] = ()
    """All that the suite has data of by default."""
    languages: tuple[PromptLanguage, ...] = ("en", "native")
    """Languages of the prompts; `native` is the data's own."""
    data: str | None = None
    """Folder of third-party data that is not shipped; see each suite's README."""
    sets: tuple[str, ...] = ()
    """Data sets of the suite by name; all that are there by default."""
    registry: tuple[str, ...] = ()
    """YAML files of further data sets."""
    persona_folders: tuple[str, ...] = ()
    """Folders of culture files that add cultures, or override shipped ones; read by the opinions suite."""
    trained_on: tuple[str, ...] = ()
    """Rows (JSONL) that models were trained on, beside the run's own: no text of them is measured with."""
    concurrency: int = Field(default=32, ge=1)
    dialogue: DialogueSettings = DialogueSettings()
    """What the suite of that name measures in the run's talks."""

    def wants(self, culture: str) -> bool:
        """Whether data of a culture is measured with."""
        return not self.cultures or culture in self.cultures

    def refuse_unknown(self, sets: Iterable[str], *, suite: str) -> None:
        """Check the cultures that are named, and the data sets against those of the suite.

        Raises:
            CultureParkError: For one that nobody knows.
        """
        roster, known = load_roster(), set(sets)
        for culture in self.cultures:
            roster.culture(culture)
        for name in self.sets:
            if name not in known:
                raise unknown("set", name, known, place=suite)


def language_of(prompt: PromptLanguage, *, data: str) -> str:
    """The language a prompt is worded in, for data in a language (BCP 47)."""
    return ENGLISH if prompt == "en" else data


class Score(Record):
    """One estimate, never without its size and its interval."""

    name: str
    value: float | None
    """None where it is not defined: nothing answered, one class only."""
    low: float | None = None
    high: float | None = None
    """95 % interval; None where none can be given, and `note` says why."""
    n: int = Field(ge=0)
    """Items behind it."""
    clusters: int = Field(ge=0)
    """Independent units behind it, as the interval counts them."""
    note: str = ""


class Counts(Record):
    """What became of the items asked. They add up; none is put in place of another."""

    answered: int = 0
    refused: int = 0
    invalid: int = 0
    """No option could be read from the reply."""
    failed: int = 0
    """The endpoint gave no reply."""

    @property
    def asked(self) -> int:
        """All of them."""
        return self.answered + self.refused + self.invalid + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class Table(Record):
    """A table of results, and how it is drawn."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    plot: Plot = "none"
    """`heat`: the first column names rows, the others are numbers. `forest`: columns `name value low high` stand
    among the others. `radar`: the first column names axes, the others are one series each. `before_after`:
    columns `before` and `after`, each with its `low` and `high`, behind columns of names. `drift`: columns `talk turn
    seat meter value distance`."""
    note: str = ""


class ItemScore(Record):
    """What one item contributes, so that models can be compared item by item."""

    id: str
    """The same for every model that is asked the same."""
    cluster: str
    """Items that share an effect: a data set, a battery."""
    culture: str
    value: float | None
    """None where the model gave no answer."""
    right: bool | None = None
    """Whether the answer was right, where it was right or wrong and nothing between."""
    measure: str = ""
    """What `value` is, in suites whose items are measured in different ways."""
    parts: tuple[str, ...] = ()
    """What models are compared on apart from the whole: the set, and sub-categories as `set, kind: name`."""


class SuiteResult(Record):
    """What a suite found out about one model."""

    suite: str
    version: int
    model: str
    """As after `--model`."""
    identity: str
    """Of the weights; see `ModelSpec.identity`."""
    settings: BenchSettings
    counts: Counts
    scores: tuple[Score, ...]
    tables: tuple[Table, ...] = ()
    items: tuple[ItemScore, ...] = ()
    problems: tuple[str, ...] = ()
    """Parts that could not be measured, each in one line; the command ends with exit code 1."""
    notes: tuple[str, ...] = ()

    @property
    def trial(self) -> str | None:
        """Says of a limited run that it is one; None of a whole one."""
        if self.settings.limit is None:
            return None
        return f"limited to {self.settings.limit} items: a trial of {self.counts.asked} replies, not a measurement"
