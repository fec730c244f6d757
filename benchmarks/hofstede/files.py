"""What the measure reads: our items or the official wording in a user's file, and the user's table of scores."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import model_validator

from culturepark.benchmarks.hofstede.indices import DIMENSIONS, ITEMS, Dimension, Indices
from culturepark.benchmarks.task import NoDataError
from culturepark.personas.culture import Culture
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build, parse_yaml, read_text, read_yaml

TABLE: Final = "6-dimensions-for-website-2015-08-16.csv"
OFFICIAL: Final = "vsm13.yaml"
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


def load_items(data: Path | None) -> tuple[Items, bool]:
    """The official wording from `vsm13.yaml` in the folder of data where it is, else our own words; and which it is.

    Raises:
        CultureParkError: When the file is not laid out as `items.yaml` is.
    """
    if data is not None and (data / OFFICIAL).is_file():
        return build(Items, read_yaml(data / OFFICIAL), place=str(data / OFFICIAL)), True
    place = "hofstede/items.yaml"
    text = (files(__package__) / "items.yaml").read_text(encoding="utf-8")
    return build(Items, parse_yaml(text, place=place), place=place), False


def load_scores(data: Path | None, cultures: Sequence[Culture]) -> dict[str, Indices]:
    """Hofstede's scores of each culture's row; what is `#NULL!` there is None.

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
    rows = {row.get("country", ""): row for row in csv.DictReader(read_text(path).splitlines(), delimiter=";")}
    found: dict[str, Indices] = {}
    for culture in cultures:
        if culture.hofstede not in rows:
            raise unknown("country", culture.hofstede, rows, place=f"{path}, culture {culture.id}")
        found[culture.id] = {
            name: _number(rows[culture.hofstede].get(column), path, culture.hofstede, column)
            for name, column in COLUMN.items()
        }
    return found


def _number(text: str | None, path: Path, row: str, column: str) -> float | None:
    if text is None:
        raise CultureParkError(f"{path}: no column {column!r}; is this Hofstede's table of six dimensions?")
    if text == "#NULL!":
        return None
    try:
        return float(text)
    except ValueError:
        raise CultureParkError(f"{path}, {row}: {column} = {text!r} is no number; correct the file") from None
