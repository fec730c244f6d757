"""Labelled texts from a YAML entry: a hub id, or a local JSONL or CSV file, with a map of columns and of labels."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from culturepark.benchmarks.sources import Hub, Numbered, hub_rows, local_rows
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record, build, parse_yaml, read_yaml
from culturepark.training.filters import text_hash

Fault = Literal["empty_text", "empty_label", "duplicate"]


class Columns(Record):
    """How the file calls its columns."""

    text: str = "text"
    label: str = "label"


class DataSet(Record):
    """One entry of a registry."""

    culture: str
    language: str
    """BCP 47."""
    task: str
    source: str
    licence: str
    local: str | None = None
    """JSONL or CSV; relative to the folder of data, or to the registry's own for a registry of a user's."""
    hub: Hub | None = None
    columns: Columns = Columns()
    labels: dict[str, str] = Field(min_length=2)
    """From the file's labels to ours."""
    positive: str | None = None
    """Of two labels, the one that is looked for."""
    natural: dict[str, int] = {}
    """Counts of our labels where the texts come from; the file's own where this is empty."""
    drop: tuple[Fault, ...] = ()
    """Rows with these faults are left out and counted; otherwise such a row stops the set."""
    paper: bool = False
    """One of the sets of arXiv:2405.15145."""
    known: str = ""
    """What is known to be wrong with it."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.local is None) == (self.hub is None):
            raise ValueError("write either `local` (a file) or `hub` (an id)")
        if self.positive is not None and self.positive not in self.names:
            raise ValueError(f"positive {self.positive!r} is none of its labels: {', '.join(self.names)}")
        if self.natural and set(self.natural) != set(self.names):
            raise ValueError(f"natural must count each of {', '.join(self.names)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Our labels, each once, in the order of the entry."""
        return tuple(dict.fromkeys(self.labels.values()))


class LabelledText(Record):
    """One row of a set."""

    text: str
    label: str

    @property
    def id(self) -> str:
        """The same text has the same id, whatever its place in the file."""
        return sha256(self.text)[:16]


class Loaded(NamedTuple):
    """A set that is fit to be measured with."""

    rows: tuple[LabelledText, ...]
    left_out: dict[Fault, int]
    """As `drop` asked for."""


class Entry(NamedTuple):
    """An entry with what is needed to find its file."""

    data: DataSet
    place: str
    """Name of the registry, for errors."""
    folder: Path | None
    """That `local` is relative to; None where no folder of data is known."""

    @property
    def path(self) -> Path | None:
        """The local file, whether it is there or not."""
        if self.data.local is None or self.folder is None:
            return None
        return self.folder / self.data.local


def read_registry(text: str, *, place: str, folder: Path | None) -> dict[str, Entry]:
    """Read a registry: data sets by name.

    Raises:
        CultureParkError: Names the entry and the field that is wrong.
    """
    document = parse_yaml(text, place=place)
    if not isinstance(document, Mapping):
        raise CultureParkError(f"{place}: expected data sets by name, found {type(document).__name__}")
    return {
        str(name): Entry(build(DataSet, entry, place=f"{place}, {name}"), place, folder)
        for name, entry in document.items()
        if not (isinstance(entry, Mapping) and "layout" in entry)  # those are other suites': `published.py`
    }


def read_user_registry(path: Path, *, data: Path | None) -> dict[str, Entry]:
    """Read a user's registry, whose local files lie beside it, or in the folder of data if one is named."""
    read_yaml(path)  # names the file where it is missing or no YAML
    return read_registry(path.read_text(encoding="utf-8"), place=str(path), folder=data or path.parent)


def load_set(name: str, entry: Entry) -> Loaded:
    """Read a set and hold it to its entry.

    Raises:
        CultureParkError: Names file, row, column and what to do, for a file that cannot be read, a missing column,
            an unknown label, an empty text, a text that is there twice, or a single class.
    """
    data = entry.data
    place = str(entry.path) if data.hub is None else data.hub.place
    rows: list[LabelledText] = []
    left_out: Counter[Fault] = Counter()
    seen: dict[str, int] = {}
    for line, raw in _raw_rows(entry):
        text, label = (_cell(raw, column, place, name, entry) for column in (data.columns.text, data.columns.label))
        fault, what, column = _fault(text, label, seen.get(text_hash(text)), data)
        if fault is not None:
            if fault not in data.drop:
                raise CultureParkError(
                    f"{place}:{line}, column {column!r}: {what}; mend the file, or add {fault} to `drop` of {name} "
                    f"in {entry.place}"
                )
            left_out[fault] += 1
            continue
        if label not in data.labels:
            raise CultureParkError(
                f"{place}:{line}, column {data.columns.label!r}: no label named {label!r}"
                f"{did_you_mean(label, data.labels)}; add it to `labels` of {name} in {entry.place}"
            )
        seen[text_hash(text)] = line
        rows.append(LabelledText(text=text, label=data.labels[label]))
    classes = sorted({row.label for row in rows})
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "no row"
        raise CultureParkError(
            f"{place}, column {data.columns.label!r}: {found}, so nothing can be told apart; "
            f"give {name} a file with {' and '.join(data.names)}"
        )
    return Loaded(tuple(rows), dict(left_out))


def _fault(text: str, label: str, before: int | None, data: DataSet) -> tuple[Fault | None, str, str]:
    if not text.strip():
        return "empty_text", "the text is empty", data.columns.text
    if not label.strip():
        return "empty_label", "the label is empty", data.columns.label
    if before is not None:
        return "duplicate", f"the same text as in row {before}", data.columns.text
    return None, "", ""


def _cell(raw: Mapping[str, Any], column: str, place: str, name: str, entry: Entry) -> str:
    if column not in raw:
        there = ", ".join(sorted(map(str, raw)))
        raise CultureParkError(
            f"{place}: no column {column!r}{did_you_mean(column, map(str, raw))}; it has: {there}; "
            f"write it into `columns` of {name} in {entry.place}"
        )
    value = raw[column]
    return "" if value is None else str(value)


def _raw_rows(entry: Entry) -> Iterator[Numbered]:
    if entry.data.hub is not None:
        return hub_rows(entry.data.hub)
    assert entry.path is not None
    return local_rows(entry.path)
