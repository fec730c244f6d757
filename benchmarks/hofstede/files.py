"""What the measure reads: our items or the official wording in a user's file, and the user's table of scores."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from pydantic import model_validator

from culturepark.benchmarks.hofstede.indices import DIMENSIONS, ITEMS, Dimension, Indices
from culturepark.benchmarks.task import NoDataError
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH, primary
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build, parse_yaml, read_text, read_yaml

TABLE: Final = "6-dimensions-for-website-2015-08-16.csv"
OFFICIAL: Final = "vsm13.yaml"
R = TypeVar("R", bound=Record)
COLUMN: Final[dict[Dimension, str]] = {name: "ltowvs" if name == "lto" else name for name in DIMENSIONS}


class Item(Record):
    """One item."""

    text: str
    scale: str


class Items(Record):
    """`items.yaml`: twenty-four items and their scales of five answers."""

    scales: dict[str, tuple[str, str, str, str, str]]
    items: dict[int, Item]

    @model_validator(mode="after")
    def _whole(self) -> "Items":
        if sorted(self.items) != list(ITEMS):
            raise ValueError("items must be numbered 1 to 24, each once")
        for number, item in self.items.items():
            if item.scale not in self.scales:
                raise ValueError(f"item {number} names no known scale: {item.scale!r}")
        return self


class ItemWords(Record):
    """`languages/LANGUAGE.yaml`: the texts of `items.yaml` in another language."""

    scales: dict[str, tuple[str, str, str, str, str]]
    items: dict[int, str]


def load_items(data: Path | None, language: str = ENGLISH) -> tuple[Items, bool]:
    """The official wording from the folder of data where it is, else our own words; and which it is.

    The official wording is `vsm13.yaml`, in other languages `vsm13.LANGUAGE.yaml`. Where only the English one is
    there, other languages are not asked in: a questionnaire half official is none.

    Raises:
        CultureParkError: When the file is not laid out as `items.yaml` is, or there is none in the language.
    """
    if data is not None and (data / OFFICIAL).is_file():
        path = data / (OFFICIAL if language == ENGLISH else f"vsm13.{primary(language)}.yaml")
        if not path.is_file():
            raise CultureParkError(
                f"{data}: the official wording is not there in {language!r}; add {path.name}, or ask with "
                "--prompt-language en"
            )
        return build(Items, read_yaml(path), place=str(path)), True
    english = _own(Items, "items.yaml")
    if language == ENGLISH:
        return english, False
    words = _own(ItemWords, f"languages/{primary(language)}.yaml")
    items = {number: Item(text=words.items[number], scale=item.scale) for number, item in english.items.items()}
    return Items(scales=words.scales, items=items), False


def _own(kind: type[R], name: str) -> R:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return build(kind, parse_yaml(text, place=f"hofstede/{name}"), place=f"hofstede/{name}")


class Truth(NamedTuple):
    """Hofstede's scores."""

    rows: dict[str, Indices]
    """By culture; what is `#NULL!` in the table is None."""
    notes: tuple[str, ...]
    """Where another row stands for a country whose own has gaps."""


def load_scores(data: Path | None, cultures: Sequence[Culture]) -> Truth:
    """Hofstede's scores of each culture's row.

    Raises:
        NoDataError: When the table is not there.
        CultureParkError: When a column or a row is missing, or a value is no number.
    """
    path = next((place for folder in ("", "wvs") if data and (place := data / folder / TABLE).is_file()), None)
    if path is None:
        where = str(data) if data else "no folder of data is named"
        raise NoDataError(
            f"{where}: there is no {TABLE}; download it from geerthofstede.com and name its folder with --data"
        )
    lines = csv.DictReader(read_text(path).splitlines(), delimiter=";")
    rows = {country: row for row in lines if (country := row.get("country"))}

    def scores(row: str) -> Indices:
        return {name: _number(rows[row].get(column), path, row, column) for name, column in COLUMN.items()}

    found: dict[str, Indices] = {}
    notes: list[str] = []
    for culture in cultures:
        if culture.hofstede not in rows:
            raise unknown("country", culture.hofstede, rows, place=f"{path}, culture {culture.id}")
        found[culture.id] = scores(culture.hofstede)
        own = scores(culture.country_name) if culture.country_name in rows else {}
        if gaps := [name for name, value in own.items() if value is None]:
            stands = f"{culture.id}: the row of {culture.hofstede} stands for {culture.country_name}"
            notes.append(f"{stands}, whose own lacks {', '.join(gaps)}")
    return Truth(found, tuple(notes))


def _number(text: str | None, path: Path, row: str, column: str) -> float | None:
    if text is None:
        raise CultureParkError(f"{path}: no column {column!r}; is this Hofstede's table of six dimensions?")
    if text == "#NULL!":
        return None
    try:
        return float(text)
    except ValueError:
        raise CultureParkError(f"{path}, {row}: {column} = {text!r} is no number; correct the file") from None
